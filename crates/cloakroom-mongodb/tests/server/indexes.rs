//! The indexes: created once by whoever comes first, and not at the expense of what is there.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use cloakroom::store::{Created, Store, StoreErrorKind};
use cloakroom_mongodb::MongoStore;
use mongodb::bson::doc;
use mongodb::options::IndexOptions;
use mongodb::{Client, IndexModel};

use crate::scratch::{Scratch, at, key, record, scratch, uri};

const NAMES: [&str; 6] = ["_id_", "abs_1", "exp_1", "k_1", "p_1", "u_1_exp_1"];

async fn names(scratch: &Scratch) -> Vec<String> {
    let mut names = scratch.documents().list_index_names().await.unwrap();
    names.sort();
    names
}

#[tokio::test]
async fn servers_that_start_at_once_all_succeed() {
    scratch(|scratch| async move {
        let name = scratch.database.name().to_owned();
        let start = |name: String| async move {
            let client = Client::with_uri_str(uri()).await.unwrap();
            let store = MongoStore::new(client.database(&name));
            store.create(&key(), &record(), at(0)).await
        };
        let starts: Vec<_> = (0..8).map(|_| tokio::spawn(start(name.clone()))).collect();
        for started in starts {
            assert!(matches!(started.await.unwrap().unwrap(), Created::Done { .. }));
        }
        assert_eq!(names(&scratch).await, NAMES);
        assert_eq!(scratch.documents().count_documents(doc! {}).await.unwrap(), 8);
    })
    .await;
}

#[tokio::test]
async fn a_load_creates_nothing() {
    scratch(|scratch| async move {
        assert!(scratch.found(&key(), at(1)).await.is_none());
        assert_eq!(scratch.database.list_collection_names().await.unwrap(), Vec::<String>::new());
    })
    .await;
}

#[tokio::test]
async fn another_ttl_index_in_the_way_is_told_and_not_fatal() {
    scratch(|scratch| async move {
        let options = IndexOptions::builder().expire_after(std::time::Duration::from_secs(7_777)).build();
        let theirs = IndexModel::builder().keys(doc! { "exp": 1 }).options(options).build();
        scratch.documents().create_index(theirs).await.unwrap();
        let (warnings, listening) = Warnings::listen();
        let (key, _) = scratch.created(&record()).await;
        drop(listening);
        assert_eq!(warnings.0.load(Ordering::SeqCst), 1);
        assert!(scratch.found(&key, at(1)).await.is_some());
        assert_eq!(names(&scratch).await, NAMES);
    })
    .await;
}

/// Counts this crate's warnings.
#[derive(Clone, Default)]
pub(crate) struct Warnings(pub(crate) Arc<AtomicUsize>);

impl Warnings {
    /// Counts those of this thread, until what is given beside it is dropped.
    pub(crate) fn listen() -> (Warnings, impl Sized + Send) {
        let warnings = Warnings::default();
        // With one subscriber alone, a thread that has none decides for all of them that nobody listens.
        let another = tracing::Dispatch::new(warnings.clone());
        (warnings.clone(), (another, tracing::subscriber::set_default(warnings)))
    }
}

impl tracing::Subscriber for Warnings {
    fn enabled(&self, metadata: &tracing::Metadata<'_>) -> bool {
        *metadata.level() == tracing::Level::WARN && metadata.target().starts_with("cloakroom_mongodb")
    }

    fn event(&self, _: &tracing::Event<'_>) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }

    fn new_span(&self, _: &tracing::span::Attributes<'_>) -> tracing::span::Id {
        tracing::span::Id::from_u64(1)
    }

    fn record(&self, _: &tracing::span::Id, _: &tracing::span::Record<'_>) {}
    fn record_follows_from(&self, _: &tracing::span::Id, _: &tracing::span::Id) {}
    fn enter(&self, _: &tracing::span::Id) {}
    fn exit(&self, _: &tracing::span::Id) {}
}

#[tokio::test]
async fn the_key_must_be_unique_by_one_index_or_another() {
    scratch(|scratch| async move {
        let keys = |options| IndexModel::builder().keys(doc! { "k": 1 }).options(options).build();
        let not_unique = keys(IndexOptions::builder().build());
        scratch.documents().create_index(not_unique).await.unwrap();
        assert!(scratch.store.create(&key(), &record(), at(0)).await.is_err());

        scratch.documents().drop_index("k_1").await.unwrap();
        let unique = keys(IndexOptions::builder().unique(true).name("theirs".to_owned()).build());
        scratch.documents().create_index(unique).await.unwrap();
        let (key, _) = scratch.created(&record()).await;
        assert!(matches!(scratch.store.create(&key, &record(), at(0)).await.unwrap(), Created::Taken));
    })
    .await;
}

#[tokio::test]
async fn a_duplicate_in_another_index_is_no_taken_key() {
    scratch(|scratch| async move {
        let options = IndexOptions::builder().unique(true).build();
        let one_each = IndexModel::builder().keys(doc! { "c": 1 }).options(options).build();
        scratch.documents().create_index(one_each).await.unwrap();
        scratch.created(&record()).await;
        let error = scratch.store.create(&key(), &record(), at(0)).await.unwrap_err();
        assert_eq!(error.kind(), StoreErrorKind::Other);
    })
    .await;
}

#[tokio::test]
async fn keys_that_are_not_unique_already_are_fatal() {
    scratch(|scratch| async move {
        scratch.documents().insert_many([doc! { "k": "same" }, doc! { "k": "same" }]).await.unwrap();
        let error = scratch.store.create(&key(), &record(), at(0)).await.unwrap_err();
        let chain = format!("{error:?} {}", std::error::Error::source(&error).unwrap());
        assert!(chain.contains("11000") && !chain.contains("same"), "{chain}");
    })
    .await;
}
