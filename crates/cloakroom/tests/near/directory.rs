//! What is ended by its user, of which the cache does not know which sessions it is about.

use std::sync::Arc;

use cloakroom::store::{Loaded, MemoryStore, Store as _};

use crate::support::{Line, Node, at, heard, user};

#[tokio::test(start_paused = true)]
async fn a_revocation_is_seen_at_once_and_without_the_feed() {
    let store = Arc::new(MemoryStore::new());
    let node = Node::live(&store).await;
    let keys = [node.begin().await, node.begin().await, node.begin().await];
    heard().await;
    for key in &keys {
        assert_eq!(node.number(key).await, Some(1));
    }
    node.link.set_feed(Line::Silent);
    let Loaded::Found(first) = node.load(&keys[0]).await else { panic!("it is gone") };
    let directory = node.cache.directory().unwrap();
    assert!(directory.revoke(&user(), &first.handle, at(1)).await.unwrap());
    assert_eq!(node.number(&keys[0]).await, None);
    assert_eq!(directory.revoke_all(&user(), None, at(1)).await.unwrap(), 2);
    for key in &keys {
        assert_eq!(node.number(key).await, None);
    }
    node.link.set_feed(Line::Up);
    node.until_live().await;
    for key in &keys {
        assert_eq!(node.number(key).await, None);
    }
}

#[tokio::test(start_paused = true)]
async fn a_sweep_is_seen_by_a_clock_that_is_behind() {
    let store = Arc::new(MemoryStore::new());
    let node = Node::live(&store).await;
    let key = node.begin().await;
    heard().await;
    assert_eq!(node.number(&key).await, Some(1));
    node.link.set_feed(Line::Silent);
    assert_eq!(node.cache.sweep(10, at(500)).await.unwrap(), 1);
    assert_eq!(node.number(&key).await, None);
}
