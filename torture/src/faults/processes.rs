//! A single server that dies, freezes, or finds no room.

use std::time::Duration;

use anyhow::{Result, bail};
use tokio::time::{Instant, sleep};

use super::load::{Load, Scale};
use super::node::{LOOK_AGAIN, Node, Setup};
use super::replica_set::{ReplicaSet, accepts};
use super::report::Report;

/// For a server to notice that there is no room.
const FULL: Duration = Duration::from_secs(30);

/// The least that a file may grow to on the disk that is full: less than a new file of the journal asks for.
const ROOM: u64 = 256 * 1024;

/// `mongod` is killed with SIGKILL under load, and started again.
pub(super) async fn killed(scale: Scale) -> Result<Report> {
    let mut set = ReplicaSet::start(1).await?;
    let load = Load::start(set.uri("killed"), scale).await?;
    let fell = Instant::now();
    set.node(0).kill()?;
    sleep(scale.fault).await;
    set.node(0).restart().await?;
    let (back, _) = set.back().await?;
    load.finish("mongod killed", fell, Some(back)).await
}

/// The same of a server that stands alone, without a replica set: the driver repeats nothing there.
///
/// `options`: of the connection string. With `journal=false` it loses what was acknowledged last.
pub(super) async fn alone_killed(name: &'static str, options: &str, scale: Scale) -> Result<Report> {
    let mut node = Node::start(Setup::default()).await?;
    let load = Load::start(format!("mongodb://{}/alone?{options}", node.address()), scale).await?;
    let fell = Instant::now();
    node.kill()?;
    sleep(scale.fault).await;
    node.restart().await?;
    let (back, _) = accepts(0, &node).await?;
    load.finish(name, fell, Some(back)).await
}

/// `mongod` is frozen under load, and thawed.
pub(super) async fn frozen(scale: Scale) -> Result<Report> {
    let mut set = ReplicaSet::start(1).await?;
    let load = Load::start(set.uri("frozen"), scale).await?;
    let fell = Instant::now();
    set.node(0).freeze()?;
    sleep(scale.fault).await;
    let back = Instant::now();
    set.node(0).thaw()?;
    load.finish("mongod frozen", fell, Some(back)).await
}

/// The files of `mongod` may not grow any more, as on a disk that is full; then there is room again.
///
/// It ends by itself then, as MongoDB does when its journal can't be written, and is started again.
pub(super) async fn disk_full(scale: Scale) -> Result<Report> {
    let mut set = ReplicaSet::start_with_small_journal().await?;
    let load = Load::start(set.uri("full"), scale).await?;
    let fell = Instant::now();
    let node = set.node(0);
    node.limit_files(ROOM)?;
    while !node.has_ended() {
        if fell.elapsed() > FULL {
            bail!("mongod does not mind that its files can't grow\n{}", node.log());
        }
        sleep(LOOK_AGAIN).await;
    }
    node.kill()?;
    sleep(scale.fault).await;
    set.node(0).restart().await?;
    let (back, _) = set.back().await?;
    load.finish("disk full", fell, Some(back)).await
}
