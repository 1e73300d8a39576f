//! The contract, as the library itself checks it.

use std::time::Duration;

use cloakroom::store::conformance;
use cloakroom_redis::{ConnectRedis, RedisStore};

use crate::process::{Cluster, Process};

/// One write of a text after the other: many at once may take long on a busy machine, and the suite asks what is answered, not
/// when.
const PATIENCE: Duration = Duration::from_secs(20);

/// On a server of its own: each page looks through all keys of the server, those of other tests too.
async fn check(layout: ConnectRedis) {
    let server = Process::start(&[]).await;
    let store = RedisStore::connect(&server.url()).await.unwrap().with_deadline(PATIENCE);
    conformance::check(store.with_layout(layout)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn connect_redis_keeps_the_contract() {
    check(ConnectRedis::new()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn connect_redis_with_options_keeps_the_contract() {
    check(ConnectRedis::new().prefix("app[1]*:").disable_ttl().ttl(Duration::from_secs(60))).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn connect_redis_on_a_cluster_keeps_the_contract() {
    let cluster = Cluster::start().await;
    let store = RedisStore::connect_cluster(cluster.urls()).await.unwrap().with_deadline(PATIENCE);
    conformance::check(store.with_layout(ConnectRedis::new())).await;
}
