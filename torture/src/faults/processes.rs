//! A single server that dies, freezes, or finds no room.

use std::path::Path;
use std::time::Duration;

use anyhow::{Result, bail};
use tokio::time::{Instant, sleep};

use super::load::{Load, Scale};
use super::mongod::Mongod;
use super::redis::Redis;
use super::replica_set::{ReplicaSet, accepts};
use super::report::Report;
use super::server::{LOOK_AGAIN, Server};
use super::store::{Database, Store};

/// For a server to notice that there is no room.
const FULL: Duration = Duration::from_secs(30);

/// The least that a file may grow to on the disk that is full: less than a new file of MongoDB's journal asks for, and more than
/// the two need that SQLite has beside its own.
const ROOM: u64 = 256 * 1024;

/// What a Redis with `appendfsync everysec` may have confirmed without having written it, when it is killed: while the disk is
/// busy with what came before, it puts writing off for up to two seconds.
const EVERY_SECOND: Duration = Duration::from_secs(2);

/// The server is killed with SIGKILL under load, and started again.
pub(super) async fn killed(store: Store, scale: Scale, program: &Path) -> Result<Report> {
    let database = Database::start(store, program).await?;
    kill(format!("{store}: killed"), database, Duration::ZERO, scale).await
}

/// The same of a Redis that may lose its last two seconds.
pub(super) async fn killed_every_second(scale: Scale) -> Result<Report> {
    let database = Database::redis(Redis::EverySecond).await?;
    kill("Redis, everysec: killed".to_owned(), database, EVERY_SECOND, scale).await
}

/// The same of a Redis without a file: it loses all that was acknowledged, and the report says so.
pub(super) async fn killed_without_file(scale: Scale) -> Result<Report> {
    let database = Database::redis(Redis::Never).await?;
    kill("Redis, appendonly no: killed".to_owned(), database, Duration::ZERO, scale).await
}

async fn kill(name: String, mut database: Database, may_lose: Duration, scale: Scale) -> Result<Report> {
    let load = Load::start(database.url(), scale).await?;
    let fell = Instant::now();
    database.server().kill().await?;
    load.forgive(fell, may_lose);
    sleep(scale.fault).await;
    database.server().restart().await?;
    let back = database.back().await?;
    load.finish(name, fell, Some(back)).await
}

/// `mongod` without a replica set is killed, and started again: the driver repeats nothing there.
///
/// `options`: of the connection string. With `journal=false` it loses what was acknowledged last.
pub(super) async fn alone_killed(name: &str, options: &str, scale: Scale) -> Result<Report> {
    let mut server = Server::start(Mongod::default()).await?;
    let load = Load::start(format!("mongodb://{}/alone?{options}", server.address()), scale).await?;
    let fell = Instant::now();
    server.kill().await?;
    sleep(scale.fault).await;
    server.restart().await?;
    let (back, _) = accepts(0, &server).await?;
    load.finish(name.to_owned(), fell, Some(back)).await
}

/// The server is frozen under load, and thawed.
pub(super) async fn frozen(store: Store, scale: Scale, program: &Path) -> Result<Report> {
    let mut database = Database::start(store, program).await?;
    let load = Load::start(database.url(), scale).await?;
    let fell = Instant::now();
    database.server().freeze()?;
    sleep(scale.fault).await;
    let back = Instant::now();
    database.server().thaw()?;
    load.finish(format!("{store}: frozen"), fell, Some(back)).await
}

/// The files of the server may not grow any more, as on a disk that is full; then there is room again.
pub(super) async fn disk_full(store: Store, scale: Scale, program: &Path) -> Result<Report> {
    let mut database = match store {
        Store::Mongodb => Database::Mongodb(ReplicaSet::start_with_small_journal().await?),
        _ => Database::start(store, program).await?,
    };
    let load = Load::start(database.url(), scale).await?;
    let fell = Instant::now();
    // What Redis writes has no size to begin with.
    let room = if store == Store::Redis { 0 } else { ROOM };
    database.server().limit_files(Some(room))?;
    let name = format!("{store}: disk full");
    if store == Store::Sqlite {
        return refuses_until_there_is_room(name, database, load, fell, scale).await;
    }
    ends_by_itself(name, database, load, fell, scale).await
}

/// As MongoDB and Redis do when what they confirm can't be written. It is started again.
async fn ends_by_itself(
    name: String,
    mut database: Database,
    load: Load,
    fell: Instant,
    scale: Scale,
) -> Result<Report> {
    let server = database.server();
    while !server.has_ended() {
        if fell.elapsed() > FULL {
            bail!("it does not mind that its files can't grow\n{}", server.log());
        }
        sleep(LOOK_AGAIN).await;
    }
    server.kill().await?;
    sleep(scale.fault).await;
    server.restart().await?;
    let back = database.back().await?;
    load.finish(name, fell, Some(back)).await
}

/// As an application with a file of its own does: it goes on, and what can't be written is refused.
async fn refuses_until_there_is_room(
    name: String,
    mut database: Database,
    load: Load,
    fell: Instant,
    scale: Scale,
) -> Result<Report> {
    while load.ledger().unknown() == 0 {
        if fell.elapsed() > FULL {
            bail!("it does not mind that its files can't grow");
        }
        sleep(LOOK_AGAIN).await;
    }
    sleep(scale.fault).await;
    let server = database.server();
    if server.has_ended() {
        bail!("the application has ended\n{}", server.log());
    }
    let back = Instant::now();
    server.limit_files(None)?;
    load.finish(name, fell, Some(back)).await
}
