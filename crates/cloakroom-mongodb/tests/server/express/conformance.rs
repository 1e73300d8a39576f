//! The contract, as the library itself checks it, for each layout.

use std::time::Duration;

use cloakroom::store::conformance;
use cloakroom_mongodb::{ExpressLayout, WebCrypto};

use crate::scratch::scratch;

/// Of texts, one write after the other: many at once may take long on a busy machine, and the suite asks what is answered, not
/// when.
const PATIENCE: Duration = Duration::from_secs(20);

async fn check_text(layout: ExpressLayout) {
    scratch(|scratch| async move {
        conformance::check(scratch.store.with_deadline(PATIENCE).with_layout(layout)).await;
    })
    .await;
}

async fn check(layout: ExpressLayout) {
    scratch(|scratch| async move { conformance::check(scratch.store.with_layout(layout)).await }).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn connect_mongodb_session_keeps_the_contract() {
    check(ExpressLayout::connect_mongodb_session()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn connect_mongodb_session_with_options_keeps_the_contract() {
    check(ExpressLayout::connect_mongodb_session().id_field("sid").expires_key("_ts").tombstones()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn connect_mongo_keeps_the_contract() {
    check(ExpressLayout::connect_mongo_object()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn connect_mongo_with_options_keeps_the_contract() {
    let touch_after = std::time::Duration::from_secs(60);
    check(ExpressLayout::connect_mongo_object().touch_after(touch_after).timestamps().tombstones()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn connect_mongo_with_texts_keeps_the_contract() {
    check_text(ExpressLayout::connect_mongo()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn connect_mongo_with_texts_and_options_keeps_the_contract() {
    let touch_after = std::time::Duration::from_secs(60);
    check_text(ExpressLayout::connect_mongo().touch_after(touch_after).timestamps().tombstones()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn connect_mongo_with_encrypted_texts_keeps_the_contract() {
    let crypto = WebCrypto::options("keyboard cat").iterations(1).derive().unwrap();
    check_text(ExpressLayout::connect_mongo().crypto(crypto)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn connect_mongo_with_encrypted_objects_keeps_the_contract() {
    let crypto = WebCrypto::options("keyboard cat").iterations(1).iv_length(16).derive().unwrap();
    check_text(ExpressLayout::connect_mongo_object().crypto(crypto).tombstones()).await;
}
