//! What happens to sessions, by change streams, and the near cache that rests on it.

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use cloakroom::record::StoreKey;
use cloakroom::store::{Created, Feed as _, Guard, Listener, Loaded, NearCache, News, Rotated, Store, conformance};
use cloakroom_mongodb::{ExpressLayout, MongoStore};
use mongodb::Client;
use mongodb::bson::doc;
use mongodb::event::EventHandler;
use mongodb::event::command::CommandEvent;
use mongodb::options::{ClientOptions, DatabaseOptions, ReadPreference, SelectionCriteria};

use crate::scratch::{PATIENCE, at, key, patch, record, scratch, text, uri};

/// A cache that serves from memory. What it sees of others, it has heard: its bound does not end while a test runs.
async fn live(store: impl Store) -> NearCache {
    let (cache, start) = (NearCache::new(store).unwrap().with_bound(PATIENCE * 60), Instant::now());
    while !cache.stats().is_live {
        cache.load(&key(), at(0)).await.unwrap();
        wait(start, "it serves from memory").await;
    }
    cache
}

async fn wait(start: Instant, for_what: &str) {
    assert!(start.elapsed() < PATIENCE, "{for_what}");
    tokio::time::sleep(Duration::from_millis(5)).await;
}

async fn is_there(store: &impl Store, key: &StoreKey) -> bool {
    matches!(store.load(key, at(1)).await.unwrap(), Loaded::Found(_))
}

/// Loads a session until that is answered from memory.
async fn copied(cache: &NearCache, key: &StoreKey) {
    let start = Instant::now();
    loop {
        let before = cache.stats().hits;
        assert!(is_there(cache, key).await);
        if cache.stats().hits > before {
            return;
        }
        wait(start, "it is served from memory").await;
    }
}

async fn until_gone(cache: &NearCache, key: &StoreKey) {
    let start = Instant::now();
    while is_there(cache, key).await {
        wait(start, "its end is seen").await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cache_in_front_keeps_the_contract() {
    scratch(|scratch| async move {
        let cache = Arc::new(live(scratch.store).await);
        conformance::check(cache.clone()).await;
        assert!(cache.stats().hits > 0, "{:?}", cache.stats());
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cache_in_front_of_documents_of_express_keeps_the_contract() {
    scratch(|scratch| async move {
        let store = scratch.store.with_layout(ExpressLayout::connect_mongodb_session().tombstones());
        let cache = Arc::new(live(store).await);
        conformance::check(cache.clone()).await;
        assert!(cache.stats().hits > 0, "{:?}", cache.stats());
    })
    .await;
}

#[tokio::test]
async fn what_one_server_ends_another_does_not_show_any_more() {
    scratch(|scratch| async move {
        let other = MongoStore::new(scratch.database.clone()).with_deadline(PATIENCE);
        let (one, two) = (live(scratch.store.clone()).await, live(other).await);
        for way in 0..3 {
            let key = key();
            assert!(matches!(one.create(&key, &record(), at(0)).await.unwrap(), Created::Done { .. }));
            copied(&two, &key).await;
            match way {
                0 => assert!(one.destroy(&key, at(1)).await.unwrap()),
                1 => {
                    let turned = one.rotate(&key, &self::key(), &patch(|_| {}), &Guard::Exists, at(1)).await.unwrap();
                    assert!(matches!(turned, Rotated::Done { .. }));
                }
                // As an operator would, or the TTL monitor.
                _ => drop(scratch.documents().delete_many(doc! {}).await.unwrap()),
            }
            until_gone(&two, &key).await;
            assert!(two.stats().is_live);
        }
    })
    .await;
}

#[tokio::test]
async fn what_express_writes_is_seen() {
    scratch(|scratch| async move {
        let store = scratch.store.clone().with_layout(ExpressLayout::connect_mongodb_session());
        let (cache, key) = (live(store).await, key());
        assert!(matches!(cache.create(&key, &record(), at(0)).await.unwrap(), Created::Done { .. }));
        copied(&cache, &key).await;
        let sessions = scratch.database.collection::<mongodb::bson::Document>("sessions");
        let set = doc! { "$set": { "session.word": "theirs" } };
        sessions.update_one(doc! { "_id": key.plain() }, set).await.unwrap();
        let start = Instant::now();
        loop {
            let Loaded::Found(found) = cache.load(&key, at(1)).await.unwrap() else { panic!("it is gone") };
            if found.record.data.get("word") == Some(&text("theirs")) {
                break;
            }
            wait(start, "a change by Express is seen").await;
        }
    })
    .await;
}

#[tokio::test]
async fn where_an_id_stands_in_a_field_of_its_own_there_is_no_feed() {
    scratch(|scratch| async move {
        let store = scratch.store.with_layout(ExpressLayout::connect_mongodb_session().id_field("sid"));
        assert!(store.feed().is_none());
    })
    .await;
}

#[tokio::test]
async fn where_a_secondary_may_answer_nothing_is_told() {
    scratch(|scratch| async move {
        let criteria = SelectionCriteria::ReadPreference(ReadPreference::Nearest { options: Default::default() });
        let options = DatabaseOptions::builder().selection_criteria(criteria).build();
        let database = scratch.database.client().database_with_options(scratch.database.name(), options);
        let error = MongoStore::new(database).listen(1).await.unwrap_err();
        let source = std::error::Error::source(&error).unwrap().to_string();
        assert!(source.contains("secondaries"), "{source}");
    })
    .await;
}

#[tokio::test]
async fn a_collection_that_is_dropped_is_a_gap() {
    scratch(|scratch| async move {
        scratch.created(&record()).await;
        let mut listener = scratch.store.listen(7).await.unwrap();
        scratch.documents().drop().await.unwrap();
        heard(&mut *listener, &News::Gap).await;
    })
    .await;
}

#[tokio::test]
async fn a_collection_that_takes_the_place_of_the_sessions_is_a_gap() {
    scratch(|scratch| async move {
        scratch.created(&record()).await;
        let (sessions, database) = (scratch.documents(), &scratch.database);
        let other = database.collection::<mongodb::bson::Document>("restored");
        other.insert_one(doc! { "a": 1 }).await.unwrap();
        let mut listener = scratch.store.listen(7).await.unwrap();
        let (from, to) = (other.namespace().to_string(), sessions.namespace().to_string());
        let rename = doc! { "renameCollection": from, "to": to, "dropTarget": true };
        database.client().database("admin").run_command(rename).await.unwrap();
        heard(&mut *listener, &News::Gap).await;
    })
    .await;
}

/// Listens until that is told.
async fn heard(listener: &mut dyn Listener, wanted: &News) {
    let listening = async { while listener.next().await.unwrap() != *wanted {} };
    tokio::time::timeout(PATIENCE, listening).await.unwrap();
}

#[tokio::test]
async fn no_data_of_a_session_leaves_the_server_for_the_feed() {
    scratch(|scratch| async move {
        let replies = Arc::new(Mutex::new(Vec::new()));
        let mut options = ClientOptions::parse(uri()).await.unwrap();
        let told = replies.clone();
        options.command_event_handler = Some(EventHandler::callback(move |event| {
            if let CommandEvent::Succeeded(event) = event {
                told.lock().unwrap().push(event.reply.to_string());
            }
        }));
        let client = Client::with_options(options).unwrap();
        let store = MongoStore::new(client.database(scratch.database.name())).with_deadline(PATIENCE);
        let (key, _) = scratch.created(&record()).await;
        let mut listener = store.listen(7).await.unwrap();
        scratch.apply(&key, &patch(|patch| patch.set("word", text("hunter2")))).await;
        store.echo(7, 1).await.unwrap();
        heard(&mut *listener, &News::Echo(1)).await;
        let replies = replies.lock().unwrap();
        assert!(replies.iter().any(|reply| reply.contains("updateDescription")), "{replies:?}");
        assert!(!replies.iter().any(|reply| reply.contains("hunter2")), "{replies:?}");
    })
    .await;
}
