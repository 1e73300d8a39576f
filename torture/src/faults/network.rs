//! A network that fails between the store and a server that does not.

use std::path::Path;
use std::time::Duration;

use anyhow::Result;
use tokio::time::{Instant, sleep};

use super::load::{Load, Scale};
use super::proxy::{Mode, Proxy};
use super::report::{HEARD_WITHIN, Report};
use super::store::{Database, Store};

/// How often all connections are reset in one run.
const RESETS: u32 = 5;

/// All connections are reset again and again.
pub(super) async fn resets(store: Store, scale: Scale, program: &Path) -> Result<Report> {
    let (_database, proxy, url) = behind_proxy(store, program).await?;
    let load = Load::start(url, scale).await?;
    let fell = Instant::now();
    let mut back = fell;
    for _ in 0..RESETS {
        sleep(scale.fault / RESETS).await;
        proxy.set(Mode::Reset);
        sleep(Duration::from_millis(20)).await;
        back = Instant::now();
        proxy.set(Mode::Pass);
    }
    load.finish(format!("{store}: connections reset"), fell, Some(back)).await
}

/// All connections, new ones too, are open and dead.
pub(super) async fn half_open(store: Store, scale: Scale, program: &Path) -> Result<Report> {
    let (_database, proxy, url) = behind_proxy(store, program).await?;
    let load = Load::start(url, scale).await?;
    let fell = Instant::now();
    proxy.set(Mode::Swallow);
    sleep(scale.fault).await;
    let back = Instant::now();
    proxy.set(Mode::Pass);
    Ok(load.finish(format!("{store}: connections half open"), fell, Some(back)).await?.recovered_within(HEARD_WITHIN))
}

/// Each call takes 300 ms longer: slow, and that is all.
pub(super) async fn late(store: Store, scale: Scale, program: &Path) -> Result<Report> {
    let (_database, proxy, url) = behind_proxy(store, program).await?;
    let load = Load::start(url, scale).await?;
    let fell = Instant::now();
    proxy.set(Mode::Late(Duration::from_millis(150)));
    sleep(scale.fault).await;
    let refused = load.ledger().unknown() - load.ledger().contended();
    proxy.set(Mode::Pass);
    if refused > 0 {
        load.ledger().violated(format!("{refused} requests failed because the network was slower by 300 ms"));
    }
    load.finish(format!("{store}: 300 ms later"), fell, None).await
}

/// Each call takes 3 s longer, which is longer than anybody waits.
pub(super) async fn too_late(store: Store, scale: Scale, program: &Path) -> Result<Report> {
    let (_database, proxy, url) = behind_proxy(store, program).await?;
    let load = Load::start(url, scale).await?;
    let fell = Instant::now();
    proxy.set(Mode::Late(Duration::from_millis(1_500)));
    sleep(scale.fault).await;
    let back = Instant::now();
    proxy.set(Mode::Pass);
    Ok(load.finish(format!("{store}: 3 s later"), fell, Some(back)).await?.recovered_within(HEARD_WITHIN))
}

async fn behind_proxy(store: Store, program: &Path) -> Result<(Database, Proxy, String)> {
    let mut database = Database::start(store, program).await?;
    let proxy = Proxy::start(database.server().address()).await?;
    let url = database.url_by(proxy.address());
    Ok((database, proxy, url))
}
