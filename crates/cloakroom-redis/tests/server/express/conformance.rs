//! The contract, as the library itself checks it.

use std::time::Duration;

use cloakroom::store::conformance;
use cloakroom_redis::{ConnectRedis, RedisStore};

use super::express;
use crate::process::Cluster;
use crate::scratch::scratch;

/// One write of a text after the other: many at once may take long on a busy machine, and the suite asks what is answered, not
/// when.
const PATIENCE: Duration = Duration::from_secs(20);

async fn check(layout: impl FnOnce(ConnectRedis) -> ConnectRedis + Send + 'static) {
    scratch(|mut scratch| async move {
        scratch.store = scratch.store.with_deadline(PATIENCE);
        conformance::check(express(&scratch, layout).store).await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn connect_redis_keeps_the_contract() {
    check(|layout| layout).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn connect_redis_with_options_keeps_the_contract() {
    check(|layout| layout.disable_ttl().ttl(Duration::from_secs(60))).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn connect_redis_on_a_cluster_keeps_the_contract() {
    let cluster = Cluster::start().await;
    let store = RedisStore::connect_cluster(cluster.urls()).await.unwrap().with_deadline(PATIENCE);
    conformance::check(store.with_layout(ConnectRedis::new())).await;
}
