//! The contract, as the library itself checks it.

use std::time::Duration;

use cloakroom::store::conformance;
use cloakroom_postgres::{ExpressLayout, PostgresStore};

use crate::scratch::{scratch, url_with};

/// Of texts, one write after the other: many at once may take long on a busy machine, and the suite asks what is answered, not
/// when.
const PATIENCE: Duration = Duration::from_secs(20);

#[tokio::test(flavor = "multi_thread")]
async fn connect_pg_simple_keeps_the_contract() {
    scratch(|scratch| async move {
        let layout = ExpressLayout::connect_pg_simple();
        conformance::check(scratch.store.with_deadline(PATIENCE).with_layout(layout)).await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn connect_pg_simple_with_options_keeps_the_contract() {
    scratch(|scratch| async move {
        let url = url_with("options=-c%20TimeZone%3DAmerica/New_York%20-c%20DateStyle%3DGerman");
        let store = PostgresStore::connect(&url).await.unwrap().with_deadline(PATIENCE);
        let layout = ExpressLayout::connect_pg_simple().table_name("my \"Sessions\"").schema_name(&scratch.schema);
        conformance::check(store.with_layout(layout.time_zone("Asia/Kathmandu"))).await;
    })
    .await;
}
