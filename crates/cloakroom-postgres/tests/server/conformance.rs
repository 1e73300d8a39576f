//! The contract, as the library itself checks it.

use cloakroom::store::conformance;

use crate::scratch::scratch;

#[tokio::test(flavor = "multi_thread")]
async fn the_store_keeps_the_contract() {
    scratch(|scratch| async move { conformance::check(scratch.store).await }).await;
}
