//! The contract, as the library itself checks it.

use std::time::Duration;

use cloakroom::store::conformance;
use cloakroom::testing::check_session_limit;

use crate::scratch::scratch;

#[tokio::test(flavor = "multi_thread")]
async fn the_store_keeps_the_contract() {
    scratch(|scratch| async move { conformance::check(scratch.store).await }).await;
}

/// It asks how many stay, not how soon they are answered.
#[tokio::test(flavor = "multi_thread")]
async fn of_many_log_ins_at_once_no_more_stay_than_may_be() {
    scratch(|scratch| async move {
        check_session_limit(scratch.store.with_deadline(Duration::from_secs(20)), 5).await;
    })
    .await;
}
