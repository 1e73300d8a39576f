//! A replica set of one node or of three.

use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use mongodb::bson::{Bson, Document, doc};
use mongodb::options::{Acknowledgment, WriteConcern};
use mongodb::{Client, Collection};
use tokio::time::{Instant, sleep, timeout};

use super::mongod::{Mongod, direct};
use super::server::{LOOK_AGAIN, Server};

const NAME: &str = "torture";

/// For a primary to be there, after whatever happened.
const ELECTION: Duration = Duration::from_secs(60);

/// One question to one node.
const QUESTION: Duration = Duration::from_secs(2);

/// Nodes that keep one set of data. Dropping it kills them all.
#[derive(Debug)]
pub struct ReplicaSet {
    nodes: Vec<Server>,
}

impl ReplicaSet {
    /// Starts so many nodes, and waits until one of them accepts writes.
    ///
    /// # Errors
    ///
    /// If a node does not start, or there is no primary in time.
    pub async fn start(nodes: usize) -> Result<ReplicaSet> {
        let setup = Mongod { set: Some(NAME.to_owned()), small_journal: false };
        ReplicaSet::start_with(nodes, setup).await
    }

    /// [`start`](ReplicaSet::start), with nodes that keep small journals.
    ///
    /// # Errors
    ///
    /// As [`start`](ReplicaSet::start).
    pub async fn start_with_small_journal() -> Result<ReplicaSet> {
        let setup = Mongod { set: Some(NAME.to_owned()), small_journal: true };
        ReplicaSet::start_with(1, setup).await
    }

    async fn start_with(count: usize, setup: Mongod) -> Result<ReplicaSet> {
        let mut nodes = Vec::new();
        for _ in 0..count {
            nodes.push(Server::start(setup.clone()).await?);
        }
        let members: Vec<Bson> =
            (0_i32..).zip(&nodes).map(|(id, node)| doc! { "_id": id, "host": node.address() }.into()).collect();
        // An election takes as long as the default asks for, ten seconds, only where networks are slow.
        let settings =
            doc! { "electionTimeoutMillis": 2_000, "heartbeatIntervalMillis": 500, "heartbeatTimeoutSecs": 2 };
        let config = doc! { "_id": NAME, "version": 1, "members": members, "settings": settings };
        let first = nodes.first().context("a set has one node at least")?;
        let admin = direct(&first.address()).await?.database("admin");
        admin.run_command(doc! { "replSetInitiate": config }).await.context("replSetInitiate failed")?;
        let set = ReplicaSet { nodes };
        set.back().await?;
        set.caught_up().await?;
        Ok(set)
    }

    /// The connection string of a database in it.
    pub fn uri(&self, database: &str) -> String {
        let hosts: Vec<String> = self.nodes.iter().map(Server::address).collect();
        format!("mongodb://{}/{database}?replicaSet={NAME}", hosts.join(","))
    }

    /// One of the nodes.
    pub fn node(&mut self, index: usize) -> &mut Server {
        &mut self.nodes[index]
    }

    /// Waits until a primary accepts writes that a majority confirms; tells since when it does, and which node it is.
    ///
    /// # Errors
    ///
    /// If none does in time.
    pub async fn back(&self) -> Result<(Instant, usize)> {
        let searches = self.nodes.iter().enumerate().map(|(index, node)| Box::pin(accepts(index, node)));
        match timeout(ELECTION, futures_util::future::select_all(searches)).await {
            Ok((found, ..)) => found,
            Err(_) => bail!("there is no primary\n{}", self.nodes.iter().map(Server::log).collect::<String>()),
        }
    }

    /// Waits until all nodes confirm a write: none would have to catch up before it can be elected.
    ///
    /// # Errors
    ///
    /// If they do not in time.
    pub async fn caught_up(&self) -> Result<()> {
        let (_, primary) = self.back().await?;
        let all = u32::try_from(self.nodes.len())?;
        let probe = probe(&direct(&self.nodes[primary].address()).await?);
        let concern = WriteConcern::builder().w(Acknowledgment::Nodes(all)).build();
        let insert = probe.insert_one(doc! {}).write_concern(concern);
        timeout(ELECTION, insert.into_future()).await.context("a node does not catch up")??;
        Ok(())
    }

    /// Tells the primary to step down, which it does when another node can take over at once.
    ///
    /// # Errors
    ///
    /// If it refuses.
    pub async fn step_down(&self, primary: usize) -> Result<()> {
        let admin = direct(&self.nodes[primary].address()).await?.database("admin");
        let command = doc! { "replSetStepDown": 20, "secondaryCatchUpPeriodSecs": 10 };
        admin.run_command(command).await.context("the primary does not step down")?;
        Ok(())
    }
}

/// Ends when the node is a primary that accepts writes.
pub(super) async fn accepts(index: usize, node: &Server) -> Result<(Instant, usize)> {
    let client = direct(&node.address()).await?;
    loop {
        if is_primary(&client).await && writes(&client).await {
            return Ok((Instant::now(), index));
        }
        sleep(LOOK_AGAIN).await;
    }
}

async fn is_primary(client: &Client) -> bool {
    // A node that is down or frozen is none.
    let asked = timeout(QUESTION, client.database("admin").run_command(doc! { "hello": 1 }).into_future()).await;
    matches!(asked, Ok(Ok(answer)) if answer.get_bool("isWritablePrimary") == Ok(true))
}

async fn writes(client: &Client) -> bool {
    let concern = WriteConcern::builder().w(Acknowledgment::Majority).build();
    let probe = probe(client);
    let insert = probe.insert_one(doc! {}).write_concern(concern);
    matches!(timeout(QUESTION, insert.into_future()).await, Ok(Ok(_)))
}

fn probe(client: &Client) -> Collection<Document> {
    client.database("torture_probe").collection("probe")
}
