//! A feed that stalls or breaks: nothing is served that could be older than the bound.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use cloakroom::store::{Loaded, MemoryStore, Store as _};
use tokio::time::advance;

use crate::support::{BOUND, Line, Node, at, heard};

async fn two() -> (Node, Node) {
    let store = Arc::new(MemoryStore::new());
    (Node::live(&store).await, Node::live(&store).await)
}

#[tokio::test(start_paused = true)]
async fn a_silent_feed_is_believed_for_no_longer_than_the_bound() {
    let (one, two) = two().await;
    let key = one.begin().await;
    heard().await;
    assert_eq!(one.number(&key).await, Some(1));
    one.link.set_feed(Line::Silent);
    assert!(two.cache.destroy(&key, at(1)).await.unwrap());
    heard().await;
    assert_eq!(one.number(&key).await, Some(1), "nobody has told it yet");
    advance(BOUND - Duration::from_millis(5)).await;
    heard().await;
    let late = one.number(&key).await;
    advance(Duration::from_millis(5)).await;
    heard().await;
    assert_eq!(one.number(&key).await, None, "before: {late:?}");
    assert!(!one.cache.stats().is_live);
}

#[tokio::test(start_paused = true)]
async fn what_was_told_late_counts_when_the_feed_is_back() {
    let (one, two) = two().await;
    let (changed, same) = (one.begin().await, one.begin().await);
    heard().await;
    for key in [&changed, &same] {
        assert_eq!(one.number(key).await, Some(1));
    }
    one.link.set_feed(Line::Silent);
    two.add(&changed).await;
    advance(BOUND * 2).await;
    one.link.set_feed(Line::Up);
    one.until_live().await;
    assert_eq!(one.number(&changed).await, Some(2));
    let loads = one.link.loads();
    assert_eq!(one.number(&same).await, Some(1));
    assert_eq!(one.link.loads(), loads, "nothing was missed, so what was there is still right");
}

#[tokio::test(start_paused = true)]
async fn what_may_have_been_missed_is_forgotten() {
    let (one, two) = two().await;
    let key = one.begin().await;
    heard().await;
    assert_eq!(one.number(&key).await, Some(1));
    one.link.set_feed(Line::Down);
    heard().await;
    two.add(&key).await;
    assert_eq!(one.number(&key).await, Some(2), "a feed that is known to be broken is not believed at all");
    one.link.set_feed(Line::Up);
    tokio::time::sleep(BOUND).await;
    one.until_live().await;
    assert_eq!(one.number(&key).await, Some(2));
    two.add(&key).await;
    heard().await;
    assert_eq!(one.number(&key).await, Some(3));
}

#[tokio::test(start_paused = true)]
async fn a_feed_that_is_away_at_the_beginning_costs_no_answer() {
    let store = Arc::new(MemoryStore::new());
    let node = Node::of(&store);
    node.link.set_feed(Line::Down);
    let key = node.begin().await;
    for _ in 0..10 {
        assert_eq!(node.number(&key).await, Some(1));
        tokio::time::sleep(BOUND).await;
    }
    assert!(!node.cache.stats().is_live);
    node.link.set_feed(Line::Up);
    node.until_live().await;
    assert!(matches!(node.load(&key).await, Loaded::Found(_)));
}

#[tokio::test(start_paused = true)]
async fn a_connection_that_fell_silent_for_good_is_made_anew() {
    let (one, _) = two().await;
    one.link.set_feed(Line::Silent);
    tokio::time::sleep(BOUND * 60).await;
    assert!(!one.cache.stats().is_live);
    // Nor is one that never answers waited for.
    assert!(one.link.listens.load(Ordering::SeqCst) > 2);
    one.link.set_feed(Line::Up);
    one.until_live().await;
}

#[tokio::test(start_paused = true)]
async fn a_feed_that_is_half_dead_is_made_anew_though_it_tells_things() {
    let (one, two) = two().await;
    let key = two.begin().await;
    one.link.set_feed(Line::Markless);
    for _ in 0..60 {
        two.add(&key).await;
        tokio::time::sleep(BOUND / 2).await;
    }
    assert!(!one.cache.stats().is_live);
    assert!(one.link.listens.load(Ordering::SeqCst) > 2);
    one.link.set_feed(Line::Up);
    one.until_live().await;
}

#[tokio::test(start_paused = true)]
async fn a_task_that_nobody_needs_any_more_ends() {
    let store = Arc::new(MemoryStore::new());
    let (node, tasks) = (Node::live(&store).await, tokio::runtime::Handle::current().metrics());
    assert!(tasks.num_alive_tasks() > 0);
    let link = Arc::downgrade(&node.link);
    drop(node);
    heard().await;
    assert_eq!(tasks.num_alive_tasks(), 0);
    assert!(link.upgrade().is_none());
}

#[test]
fn a_cache_outlives_the_runtime_that_it_was_first_used_on() {
    let store = Arc::new(MemoryStore::new());
    let node = Node::of(&store);
    for _ in 0..2 {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
        runtime.block_on(async {
            node.until_live().await;
            let key = node.begin().await;
            heard().await;
            assert_eq!(node.number(&key).await, Some(1));
        });
    }
}
