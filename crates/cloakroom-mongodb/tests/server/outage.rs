//! A database that is down, silent, or back again.

use std::error::Error;
use std::time::{Duration, Instant};

use cloakroom::record::Value;
use cloakroom::store::{Guard, Loaded, Store, StoreErrorKind};
use cloakroom_mongodb::MongoStore;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

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

/// Stands between store and server.
struct Door {
    uri: String,
    way: watch::Sender<Way>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Way {
    Open,
    /// Connections are broken, and new ones refused at once.
    Shut,
    /// Connections stay open, new ones too, and nothing comes through, not even later.
    Silent,
}

impl Door {
    fn turn(&self, way: Way) {
        self.way.send_replace(way);
    }
}

async fn door() -> Door {
    let real = uri();
    let (scheme, rest) = real.split_once("://").unwrap();
    assert_eq!(scheme, "mongodb");
    let address = rest.split(['/', '?', ',']).next().unwrap().to_owned();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    // Directly: the members of the replica set would give the client the way around the door.
    let uri = format!("mongodb://{}/{}?directConnection=true", listener.local_addr().unwrap(), random_name());
    let (way, ways) = watch::channel(Way::Shut);
    tokio::spawn(async move {
        let mut held = Vec::new();
        while let Ok((inside, _)) = listener.accept().await {
            let way = *ways.borrow();
            match way {
                Way::Open => drop(tokio::spawn(pass(inside, address.clone(), ways.clone()))),
                Way::Silent => held.push(inside),
                Way::Shut => {}
            }
        }
    });
    Door { uri, way }
}

async fn pass(mut inside: TcpStream, address: String, mut ways: watch::Receiver<Way>) {
    let mut outside = TcpStream::connect(address).await.unwrap();
    tokio::select! {
        _ = tokio::io::copy_bidirectional(&mut inside, &mut outside) => {}
        way = async { ways.wait_for(|way| *way != Way::Open).await.map(|way| *way) } => {
            if matches!(way, Ok(Way::Silent)) {
                std::future::pending::<()>().await;
            }
        }
    }
}

#[tokio::test]
async fn calls_succeed_as_soon_as_the_server_is_there_and_again_after_an_outage() {
    let door = door().await;
    let store = MongoStore::connect(&door.uri).await.unwrap();
    assert_eq!(store.load(&key(), at(0)).await.unwrap_err().kind(), StoreErrorKind::Unavailable);

    door.turn(Way::Open);
    let key = key();
    store.create(&key, &record(), at(0)).await.unwrap();
    assert!(matches!(store.load(&key, at(0)).await.unwrap(), Loaded::Found(_)));

    door.turn(Way::Shut);
    tokio::time::sleep(Duration::from_millis(50)).await;
    let begin = Instant::now();
    assert!(store.load(&key, at(0)).await.is_err());
    assert!(begin.elapsed() < Duration::from_millis(3_000), "{:?}", begin.elapsed());

    door.turn(Way::Open);
    assert!(matches!(store.load(&key, at(0)).await.unwrap(), Loaded::Found(_)));
    drop_database(&door.uri).await;
}

/// The driver knows no time limit for a connection that is half made, and makes two at a time: with its own settings these
/// two would keep the place of all others for twenty seconds.
#[tokio::test]
async fn a_server_that_has_fallen_silent_is_found_again_when_it_talks() {
    let door = door().await;
    door.turn(Way::Open);
    let store = MongoStore::connect(&door.uri).await.unwrap();
    let key = key();
    store.create(&key, &record(), at(0)).await.unwrap();

    door.turn(Way::Silent);
    for call in 0..2 {
        let calls = (0..4).map(|_| store.load(&key, at(0)));
        for error in futures_util::future::join_all(calls).await {
            assert!(error.is_err(), "call {call} was answered");
        }
    }
    door.turn(Way::Open);
    let begin = Instant::now();
    while store.load(&key, at(0)).await.is_err() {
        assert!(begin.elapsed() < Duration::from_millis(4_000), "{:?}", begin.elapsed());
    }
    drop_database(&door.uri).await;
}

/// The driver breaks the connections of a server that it has given up, and tells it in the words in which it also tells that
/// nothing was sent.
#[tokio::test]
async fn a_write_that_the_driver_gives_up_is_of_unknown_outcome() {
    let door = door().await;
    door.turn(Way::Open);
    // So that the driver's word is what the store hears, and not its own deadline.
    let uri = format!("{}&retryWrites=false&connectTimeoutMS=500", door.uri);
    let store = MongoStore::connect(&uri).await.unwrap().with_deadline(Duration::from_secs(30));
    let key = key();
    store.create(&key, &record(), at(0)).await.unwrap();
    let set = patch(|patch| patch.set("a", Value::from(1)));
    door.turn(Way::Silent);
    let error = store.apply(&key, &set, &Guard::Exists, at(0)).await.unwrap_err();
    assert_eq!(error.kind(), StoreErrorKind::Timeout, "{}", error.source().unwrap());
    door.turn(Way::Open);
    drop_database(&door.uri).await;
}

#[tokio::test]
async fn an_abandoned_call_leaves_no_connection_in_disorder() {
    let door = door().await;
    door.turn(Way::Open);
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
