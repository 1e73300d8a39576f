//! A network that fails between the store and a server that does not.

use std::time::Duration;

use anyhow::Result;
use tokio::time::{Instant, sleep};

use super::load::{Load, Scale};
use super::proxy::{Mode, Proxy};
use super::replica_set::ReplicaSet;
use super::report::{HEARD_WITHIN, Report};

/// How often all connections are reset in one run.
const RESETS: u32 = 5;

/// All connections are reset again and again.
pub(super) async fn resets(scale: Scale) -> Result<Report> {
    let (_set, proxy) = behind_proxy().await?;
    let load = Load::start(proxy.uri("resets"), scale).await?;
    let fell = Instant::now();
    let mut back = fell;
    for _ in 0..RESETS {
        sleep(scale.fault / RESETS).await;
        proxy.set(Mode::Reset);
        sleep(Duration::from_millis(20)).await;
        back = Instant::now();
        proxy.set(Mode::Pass);
    }
    load.finish("connections reset", fell, Some(back)).await
}

/// All connections, new ones too, are open and dead.
pub(super) async fn half_open(scale: Scale) -> Result<Report> {
    let (_set, proxy) = behind_proxy().await?;
    let load = Load::start(proxy.uri("open"), scale).await?;
    let fell = Instant::now();
    proxy.set(Mode::Swallow);
    sleep(scale.fault).await;
    let back = Instant::now();
    proxy.set(Mode::Pass);
    Ok(load.finish("connections half open", fell, Some(back)).await?.recovered_within(HEARD_WITHIN))
}

/// Each call takes 300 ms longer: slow, and that is all.
pub(super) async fn late(scale: Scale) -> Result<Report> {
    let (_set, proxy) = behind_proxy().await?;
    let load = Load::start(proxy.uri("late"), scale).await?;
    let fell = Instant::now();
    proxy.set(Mode::Late(Duration::from_millis(150)));
    sleep(scale.fault).await;
    let refused = load.ledger().unknown() - load.ledger().contended();
    proxy.set(Mode::Pass);
    if refused > 0 {
        load.ledger().violated(format!("{refused} requests failed because the network was slower by 300 ms"));
    }
    load.finish("300 ms later", fell, None).await
}

/// Each call takes 3 s longer, which is longer than anybody waits.
pub(super) async fn too_late(scale: Scale) -> Result<Report> {
    let (_set, proxy) = behind_proxy().await?;
    let load = Load::start(proxy.uri("too_late"), scale).await?;
    let fell = Instant::now();
    proxy.set(Mode::Late(Duration::from_millis(1_500)));
    sleep(scale.fault).await;
    let back = Instant::now();
    proxy.set(Mode::Pass);
    Ok(load.finish("3 s later", fell, Some(back)).await?.recovered_within(HEARD_WITHIN))
}

async fn behind_proxy() -> Result<(ReplicaSet, Proxy)> {
    let mut set = ReplicaSet::start(1).await?;
    let proxy = Proxy::start(set.node(0).address()).await?;
    Ok((set, proxy))
}
