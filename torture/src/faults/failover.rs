//! A replica set of three that loses its primary.

use std::time::Duration;

use anyhow::Result;
use tokio::time::{Instant, sleep};

use super::load::{Load, Scale};
use super::replica_set::ReplicaSet;
use super::report::Report;

/// How long a primary that is cut off from the others goes on; less than it takes to notice that.
const ALONE: Duration = Duration::from_millis(1_000);

/// The primary is killed with SIGKILL under load; another one is elected, and the old one comes back.
pub(super) async fn primary_killed(scale: Scale) -> Result<Report> {
    let mut set = ReplicaSet::start(3).await?;
    let load = Load::start(set.uri("killed"), scale).await?;
    let (_, primary) = set.back().await?;
    let fell = Instant::now();
    set.node(primary).kill().await?;
    let (back, _) = set.back().await?;
    load.acknowledge(scale.requests).await?;
    // What it has and the others have not is taken back now.
    set.node(primary).restart().await?;
    set.caught_up().await?;
    load.finish("MongoDB: primary of three killed".to_owned(), fell, Some(back)).await
}

/// The primary is frozen under load until another one is elected, and thawed: for a moment there are two.
pub(super) async fn primary_frozen(scale: Scale) -> Result<Report> {
    let mut set = ReplicaSet::start(3).await?;
    let load = Load::start(set.uri("frozen"), scale).await?;
    let (_, primary) = set.back().await?;
    let fell = Instant::now();
    set.node(primary).freeze()?;
    let (back, _) = set.back().await?;
    // Not as many as else: MongoDB is slow then. The node that used to copy from the frozen one waits for it to answer, and
    // for half a minute the new primary learns from heartbeats only how far the other has come.
    load.acknowledge(scale.requests / 10).await?;
    set.node(primary).thaw()?;
    set.caught_up().await?;
    load.finish("MongoDB: primary of three frozen".to_owned(), fell, Some(back)).await
}

/// The primary steps down under load, and another one takes over.
pub(super) async fn stepped_down(scale: Scale) -> Result<Report> {
    let set = ReplicaSet::start(3).await?;
    let load = Load::start(set.uri("stepped"), scale).await?;
    let (_, primary) = set.back().await?;
    let fell = Instant::now();
    set.step_down(primary).await?;
    let (back, _) = set.back().await?;
    load.finish("MongoDB: primary of three steps down".to_owned(), fell, Some(back)).await
}

/// The others die, the primary goes on alone for a moment, and is killed; the others come back and elect a new one, which
/// has nothing of what came in that moment.
///
/// `options`: of the connection string. With `w=1` this loses what was acknowledged, and the report says so.
pub(super) async fn cut_off(name: &str, options: &str, scale: Scale) -> Result<Report> {
    let mut set = ReplicaSet::start(3).await?;
    let load = Load::start(format!("{}{options}", set.uri("cut")), scale).await?;
    let (_, primary) = set.back().await?;
    let others = (0..3).filter(|node| *node != primary);
    let fell = Instant::now();
    for other in others.clone() {
        // Frozen would not do: what the primary had sent them by then would still arrive.
        set.node(other).kill().await?;
    }
    sleep(ALONE).await;
    set.node(primary).kill().await?;
    for other in others {
        set.node(other).restart().await?;
    }
    let (back, _) = set.back().await?;
    set.node(primary).restart().await?;
    set.caught_up().await?;
    load.finish(name.to_owned(), fell, Some(back)).await
}
