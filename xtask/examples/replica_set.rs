//! Initiates a replica set of one node: `replica_set NAME PORT`. Ends when the server on
//! that port of 127.0.0.1 accepts writes.
//!
//! This is a part of `cargo xtask`, not an example of anything. As an example it may use
//! the driver without making everyone who builds the tool compile it.

use std::env;
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use mongodb::bson::{Bson, Document, doc};
use mongodb::{Client, Database};
use tokio::time::{sleep, timeout};

const DEADLINE: Duration = Duration::from_secs(60);
const LOOK_AGAIN: Duration = Duration::from_millis(20);

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<()> {
    let mut arguments = env::args().skip(1);
    let (Some(name), Some(port), None) = (arguments.next(), arguments.next(), arguments.next()) else {
        bail!("usage: replica_set NAME PORT");
    };
    let host = format!("127.0.0.1:{port}");
    timeout(DEADLINE, initiate(&name, &host))
        .await
        .with_context(|| format!("{host} does not accept writes after {DEADLINE:?}"))?
}

async fn initiate(name: &str, host: &str) -> Result<()> {
    // Directly: there is no replica set to be found yet.
    let client = Client::with_uri_str(format!("mongodb://{host}/?directConnection=true")).await?;
    let admin = client.database("admin");
    let members: Bson = vec![doc! { "_id": 0, "host": host }].into();
    admin
        .run_command(doc! { "replSetInitiate": { "_id": name, "members": members } })
        .await
        .context("replSetInitiate failed")?;
    while !is_primary(&admin).await? {
        sleep(LOOK_AGAIN).await;
    }
    // The proof, in the way of the tests.
    let client = Client::with_uri_str(format!("mongodb://{host}/?replicaSet={name}")).await?;
    let database = client.database("xtask");
    database
        .collection::<Document>("ready")
        .insert_one(doc! {})
        .await
        .context("the primary does not accept a write")?;
    database.drop().await.context("the primary does not drop")
}

async fn is_primary(admin: &Database) -> Result<bool> {
    let answer = admin.run_command(doc! { "hello": 1 }).await?;
    Ok(answer.get_bool("isWritablePrimary").unwrap_or(false))
}
