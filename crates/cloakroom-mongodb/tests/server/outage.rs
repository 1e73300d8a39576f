//! A database that is down, silent, or back again.

use std::error::Error;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use cloakroom::record::Value;
use cloakroom::store::{Guard, Loaded, Store, StoreErrorKind};
use cloakroom_mongodb::MongoStore;
use tokio::net::{TcpListener, TcpStream};

use crate::scratch::{at, key, patch, random_name, record, scratch, uri};

#[tokio::test]
async fn a_server_that_is_not_there_is_unavailable_in_time() {
    let port = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap().port();
    let begin = Instant::now();
    let store = MongoStore::connect(&format!("mongodb://127.0.0.1:{port}/shop")).await.unwrap();
    assert!(begin.elapsed() < Duration::from_millis(1_000), "connect waited {:?}", begin.elapsed());
    for call in 0..2 {
        let begin = Instant::now();
        let error = match call {
            0 => store.load(&key(), at(0)).await.map(drop).unwrap_err(),
            _ => store.create(&key(), &record(), at(0)).await.map(drop).unwrap_err(),
        };
        assert_eq!(error.kind(), StoreErrorKind::Unavailable, "{}", error.source().unwrap());
        assert!(begin.elapsed() < Duration::from_millis(3_000), "{:?}", begin.elapsed());
    }
}

#[tokio::test]
async fn a_server_that_is_silent_costs_no_more_than_the_deadline() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let uri = format!("mongodb://{}/shop", listener.local_addr().unwrap());
    let silence = tokio::spawn(async move {
        let mut held = Vec::new();
        while let Ok((connection, _)) = listener.accept().await {
            held.push(connection);
        }
    });
    let store = MongoStore::connect(&uri).await.unwrap().with_deadline(Duration::from_millis(300));
    let begin = Instant::now();
    let error = store.load(&key(), at(0)).await.unwrap_err();
    assert!(begin.elapsed() < Duration::from_millis(1_500), "{:?}", begin.elapsed());
    assert_eq!(error.kind(), StoreErrorKind::Timeout);
    silence.abort();
}

#[tokio::test]
async fn a_bad_connection_string_is_refused_and_its_password_kept() {
    for uri in ["", "postgres://127.0.0.1", "mongodb://", "mongodb://127.0.0.1/?w=0"] {
        assert!(MongoStore::connect(uri).await.is_err(), "{uri}");
    }
    for uri in ["mongodb://ada:hunter2/@127.0.0.1", "mongodb://ada:hunter2%zz@127.0.0.1/?w=x&tls=maybe"] {
        let error = MongoStore::connect(uri).await.unwrap_err();
        let chain = format!("{error} {error:?} {}", error.source().unwrap());
        assert!(!chain.contains("hunter2"), "{chain}");
    }
    let store = MongoStore::connect("mongodb://ada:hunter2@127.0.0.1").await.unwrap();
    assert!(!format!("{store:?}").contains("hunter2"));
}

/// Stands between store and server; while it is shut, connections are broken and new ones refused at once.
struct Door {
    uri: String,
    open: Arc<AtomicBool>,
}

async fn door() -> Door {
    let real = uri();
    let (scheme, rest) = real.split_once("://").unwrap();
    assert_eq!(scheme, "mongodb");
    let address = rest.split(['/', '?', ',']).next().unwrap().to_owned();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    // Directly: the members of the replica set would give the client the way around the door.
    let uri = format!("mongodb://{}/{}?directConnection=true", listener.local_addr().unwrap(), random_name());
    let open = Arc::new(AtomicBool::new(false));
    let is_open = open.clone();
    tokio::spawn(async move {
        while let Ok((inside, _)) = listener.accept().await {
            if is_open.load(Ordering::SeqCst) {
                tokio::spawn(pass(inside, TcpStream::connect(address.clone()).await.unwrap(), is_open.clone()));
            }
        }
    });
    Door { uri, open }
}

async fn pass(mut inside: TcpStream, mut outside: TcpStream, open: Arc<AtomicBool>) {
    let shut = async {
        while open.load(Ordering::SeqCst) {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::select! {
        _ = tokio::io::copy_bidirectional(&mut inside, &mut outside) => {}
        () = shut => {}
    }
}

#[tokio::test]
async fn calls_succeed_as_soon_as_the_server_is_there_and_again_after_an_outage() {
    let door = door().await;
    let store = MongoStore::connect(&door.uri).await.unwrap();
    assert_eq!(store.load(&key(), at(0)).await.unwrap_err().kind(), StoreErrorKind::Unavailable);

    door.open.store(true, Ordering::SeqCst);
    let key = key();
    store.create(&key, &record(), at(0)).await.unwrap();
    assert!(matches!(store.load(&key, at(0)).await.unwrap(), Loaded::Found(_)));

    door.open.store(false, Ordering::SeqCst);
    tokio::time::sleep(Duration::from_millis(50)).await;
    let begin = Instant::now();
    assert!(store.load(&key, at(0)).await.is_err());
    assert!(begin.elapsed() < Duration::from_millis(3_000), "{:?}", begin.elapsed());

    door.open.store(true, Ordering::SeqCst);
    assert!(matches!(store.load(&key, at(0)).await.unwrap(), Loaded::Found(_)));
    drop_database(&door.uri).await;
}

#[tokio::test]
async fn an_abandoned_call_leaves_no_connection_in_disorder() {
    let door = door().await;
    door.open.store(true, Ordering::SeqCst);
    let uri = format!("{}&maxPoolSize=1", door.uri);
    let store = MongoStore::connect(&uri).await.unwrap();
    let (one, two) = (key(), key());
    store.create(&one, &record(), at(0)).await.unwrap();
    store.create(&two, &record(), at(0)).await.unwrap();
    let hasty = store.clone().with_deadline(Duration::from_micros(200));
    for _ in 0..50 {
        // Whether it was abandoned is a matter of luck; that the next answer is its own is not.
        drop(hasty.load(&one, at(0)).await);
        let Loaded::Found(found) = store.load(&two, at(0)).await.unwrap() else { panic!("not found") };
        let handle = found.handle;
        let Loaded::Found(again) = store.load(&two, at(0)).await.unwrap() else { panic!("not found") };
        assert_eq!(handle, again.handle);
    }
    drop_database(&door.uri).await;
}

/// More servers than there are: the write happens, but is not confirmed.
#[tokio::test]
async fn a_write_that_too_few_servers_confirm_is_of_unknown_outcome() {
    scratch(|scratch| async move {
        let (one, two) = (scratch.created(&record()).await.0, scratch.created(&record()).await.0);
        let real = uri();
        let uri = format!("{real}{}w=7&wtimeoutMS=100", if real.contains('?') { "&" } else { "/?" });
        let client = mongodb::Client::with_uri_str(uri).await.unwrap();
        let store = MongoStore::new(client.database(scratch.database.name()));
        let set = patch(|patch| patch.set("a", Value::from(1)));
        let errors = [
            store.apply(&one, &set, &Guard::Exists, at(0)).await.unwrap_err(),
            store.rotate(&one, &key(), &set, &Guard::Exists, at(0)).await.unwrap_err(),
            store.destroy(&two, at(0)).await.unwrap_err(),
            store.create(&key(), &record(), at(0)).await.unwrap_err(),
        ];
        for error in errors {
            assert_eq!(error.kind(), StoreErrorKind::Timeout, "{}", error.source().unwrap());
        }
    })
    .await;
}

async fn drop_database(uri: &str) {
    let client = mongodb::Client::with_uri_str(uri).await.unwrap();
    client.default_database().unwrap().drop().await.unwrap();
}
