//! A server that is down, silent, or back again.

use std::error::Error;
use std::time::{Duration, Instant};

use cloakroom::record::Value;
use cloakroom::store::{Applied, Guard, Loaded, Store, StoreErrorKind};
use cloakroom_redis::RedisStore;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

use crate::process::Process;
use crate::scratch::{at, key, patch, random_name, record, scratch, url};

#[tokio::test]
async fn a_server_that_is_not_there_is_unavailable_at_once() {
    let port = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap().port();
    let store = RedisStore::connect(&format!("redis://127.0.0.1:{port}")).await.unwrap();
    let add = patch(|patch| patch.add("n", 1).unwrap());
    for call in 0..3 {
        let begin = Instant::now();
        let error = match call {
            0 => store.load(&key(), at(0)).await.map(drop).unwrap_err(),
            1 => store.create(&key(), &record(), at(0)).await.map(drop).unwrap_err(),
            _ => store.apply(&key(), &add, &Guard::Exists, at(0)).await.map(drop).unwrap_err(),
        };
        assert_eq!(error.kind(), StoreErrorKind::Unavailable, "{}", error.source().unwrap());
        assert!(begin.elapsed() < Duration::from_millis(1_000), "{:?}", begin.elapsed());
    }
}

#[tokio::test]
async fn a_server_that_is_silent_costs_no_more_than_the_deadline() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("redis://{}", listener.local_addr().unwrap());
    let silence = tokio::spawn(async move {
        let mut held = Vec::new();
        while let Ok((connection, _)) = listener.accept().await {
            held.push(connection);
        }
    });
    let store = RedisStore::connect(&url).await.unwrap();
    for (deadline, kind) in
        [(Duration::from_millis(300), StoreErrorKind::Timeout), (Duration::from_secs(2), StoreErrorKind::Unavailable)]
    {
        let begin = Instant::now();
        let error = store.clone().with_deadline(deadline).load(&key(), at(0)).await.unwrap_err();
        assert!(begin.elapsed() < deadline + Duration::from_secs(1), "{:?}", begin.elapsed());
        assert_eq!(error.kind(), kind);
    }
    silence.abort();
}

#[tokio::test]
async fn a_bad_address_is_refused_and_its_password_kept() {
    for url in ["", "postgres://127.0.0.1", "redis://", "redis://127.0.0.1/x"] {
        assert!(RedisStore::connect(url).await.is_err(), "{url}");
    }
    let none: [&str; 0] = [];
    assert!(RedisStore::connect_cluster(none).await.is_err());
    for url in ["redis://ada:hunter2/@127.0.0.1", "redis://:hunter2@127.0.0.1/x"] {
        let error = RedisStore::connect(url).await.unwrap_err();
        let chain = format!("{error} {error:?} {}", error.source().unwrap());
        assert!(!chain.contains("hunter2"), "{chain}");
    }
    let store = RedisStore::connect("redis://ada:hunter2@127.0.0.1").await.unwrap();
    let cluster = RedisStore::connect_cluster(["redis://ada:hunter2@127.0.0.1"]).await.unwrap();
    assert!(!format!("{store:?} {cluster:?}").contains("hunter2"));
}

#[tokio::test]
async fn a_server_that_does_not_know_us_is_unavailable() {
    let server = Process::start(&[]).await;
    server.ask(&["CONFIG", "SET", "requirepass", "hunter2"]).await;
    let port = server.port();
    for url in [format!("redis://127.0.0.1:{port}"), format!("redis://:wrong@127.0.0.1:{port}")] {
        let store = RedisStore::connect(&url).await.unwrap();
        let error = store.load(&key(), at(0)).await.unwrap_err();
        assert_eq!(error.kind(), StoreErrorKind::Unavailable, "{}", error.source().unwrap());
    }
    let store = RedisStore::connect(&format!("redis://:hunter2@127.0.0.1:{port}/3")).await.unwrap();
    assert!(matches!(store.load(&key(), at(0)).await.unwrap(), Loaded::Missing));
}

/// Stands between store and server.
struct Door {
    url: String,
    way: watch::Sender<Way>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Way {
    Open,
    /// Connections are broken, and new ones refused at once.
    Shut,
    /// Connections stay open, new ones too, and nothing comes through, not even later.
    Silent,
    /// What was asked comes through, and no answer comes back.
    Dumb,
}

impl Door {
    fn turn(&self, way: Way) {
        self.way.send_replace(way);
    }
}

async fn door() -> Door {
    let address = url().split_once("://").unwrap().1.split('/').next().unwrap().to_owned();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("redis://{}", listener.local_addr().unwrap());
    let (way, ways) = watch::channel(Way::Shut);
    tokio::spawn(async move {
        let mut held = Vec::new();
        while let Ok((inside, _)) = listener.accept().await {
            let way = *ways.borrow();
            match way {
                Way::Open | Way::Dumb => drop(tokio::spawn(pass(inside, address.clone(), ways.clone()))),
                Way::Silent => held.push(inside),
                Way::Shut => {}
            }
        }
    });
    Door { url, way }
}

async fn pass(inside: TcpStream, address: String, ways: watch::Receiver<Way>) {
    let outside = TcpStream::connect(address).await.unwrap();
    let (mut asked, mut answered) = inside.into_split();
    let (mut answers, mut questions) = outside.into_split();
    let (mut there, mut back) = (ways.clone(), ways);
    let closed = |way: Way| way == Way::Shut || way == Way::Silent;
    let forth = async {
        tokio::select! {
            _ = tokio::io::copy(&mut asked, &mut questions) => Way::Shut,
            way = async { there.wait_for(|way| closed(*way)).await.map(|way| *way) } => way.unwrap_or(Way::Shut),
        }
    };
    let back = async {
        tokio::select! {
            _ = tokio::io::copy(&mut answers, &mut answered) => Way::Shut,
            way = async { back.wait_for(|way| *way != Way::Open).await.map(|way| *way) } => way.unwrap_or(Way::Shut),
        }
    };
    let hold = async |way| {
        if way != Way::Shut {
            std::future::pending::<()>().await
        }
    };
    tokio::select! {
        () = async { hold(forth.await).await } => {}
        () = async { hold(back.await).await } => {}
    }
}

#[tokio::test]
async fn calls_succeed_as_soon_as_the_server_is_there_and_again_after_an_outage() {
    let (door, prefix) = (door().await, random_name());
    let store = RedisStore::connect(&door.url).await.unwrap().with_prefix(&prefix);
    assert_eq!(store.load(&key(), at(0)).await.unwrap_err().kind(), StoreErrorKind::Unavailable);

    door.turn(Way::Open);
    let key = key();
    store.create(&key, &record(), at(0)).await.unwrap();
    assert!(matches!(store.load(&key, at(0)).await.unwrap(), Loaded::Found(_)));

    door.turn(Way::Shut);
    let begin = Instant::now();
    assert!(store.load(&key, at(0)).await.is_err());
    assert!(begin.elapsed() < Duration::from_millis(3_000), "{:?}", begin.elapsed());

    door.turn(Way::Open);
    assert!(matches!(store.load(&key, at(0)).await.unwrap(), Loaded::Found(_)));
    assert!(store.destroy(&key, at(0)).await.unwrap());
}

#[tokio::test]
async fn a_server_that_has_fallen_silent_is_found_again_when_it_talks() {
    let (door, prefix) = (door().await, random_name());
    door.turn(Way::Open);
    let store = RedisStore::connect(&door.url).await.unwrap().with_prefix(&prefix);
    let key = key();
    store.create(&key, &record(), at(0)).await.unwrap();

    door.turn(Way::Silent);
    let add = patch(|patch| patch.add("n", 1).unwrap());
    let begin = Instant::now();
    let (read, write) = tokio::join!(store.load(&key, at(0)), store.apply(&key, &add, &Guard::Exists, at(0)));
    assert_eq!(read.unwrap_err().kind(), StoreErrorKind::Timeout);
    assert_eq!(write.unwrap_err().kind(), StoreErrorKind::Timeout);
    assert!(begin.elapsed() < Duration::from_millis(3_000), "{:?}", begin.elapsed());
    assert_eq!(store.load(&key, at(0)).await.unwrap_err().kind(), StoreErrorKind::Unavailable);

    door.turn(Way::Open);
    let begin = Instant::now();
    while store.load(&key, at(0)).await.is_err() {
        assert!(begin.elapsed() < Duration::from_millis(4_000), "{:?}", begin.elapsed());
    }
    assert!(store.destroy(&key, at(0)).await.unwrap());
}

/// It happened, and nobody was told: it must not happen again.
#[tokio::test]
async fn a_write_whose_answer_is_lost_is_of_unknown_outcome_and_not_repeated() {
    let (door, prefix) = (door().await, random_name());
    door.turn(Way::Open);
    let store = RedisStore::connect(&door.url).await.unwrap().with_prefix(&prefix);
    let key = key();
    store.create(&key, &record(), at(0)).await.unwrap();
    let add = patch(|patch| patch.add("n", 1).unwrap());

    door.turn(Way::Dumb);
    let lost = store.clone();
    let (lost_key, lost_add) = (key.clone(), add.clone());
    let call = tokio::spawn(async move { lost.apply(&lost_key, &lost_add, &Guard::Exists, at(0)).await });
    let direct = RedisStore::connect(&url()).await.unwrap().with_prefix(&prefix);
    let n = async || match direct.load(&key, at(0)).await.unwrap() {
        Loaded::Found(found) => found.record.data.get("n").and_then(Value::as_i64),
        other => panic!("{other:?}"),
    };
    while n().await != Some(2) {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    door.turn(Way::Shut);
    let error = call.await.unwrap().unwrap_err();
    assert_eq!(error.kind(), StoreErrorKind::Timeout, "{}", error.source().unwrap());

    door.turn(Way::Open);
    assert!(matches!(store.apply(&key, &add, &Guard::Exists, at(0)).await.unwrap(), Applied::Done(_)));
    assert_eq!(n().await, Some(3));
    assert!(store.destroy(&key, at(0)).await.unwrap());
}

#[tokio::test]
async fn an_abandoned_call_leaves_no_connection_in_disorder() {
    scratch(|scratch| async move {
        let (one, two) = (scratch.created(&record()).await.0, scratch.created(&record()).await.0);
        let hasty = scratch.store.clone().with_deadline(Duration::from_micros(200));
        let handle = scratch.found(&two, at(0)).await.unwrap().handle;
        for _ in 0..200 {
            // Whether it was abandoned is a matter of luck; that the next answer is its own is not.
            drop(hasty.load(&one, at(0)).await);
            assert_eq!(scratch.found(&two, at(0)).await.unwrap().handle, handle);
        }
    })
    .await;
}
