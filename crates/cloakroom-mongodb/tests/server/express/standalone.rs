//! A server that stands alone, and has no transactions.

use std::net::{Ipv4Addr, TcpListener};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use cloakroom::record::Value;
use cloakroom::store::{Created, Feed as _, Guard, Loaded, NearCache, Rotated, Store};
use cloakroom_mongodb::{ExpressLayout, MongoStore};

use crate::scratch::{at, key, patch, random_name, record};

/// A mongod of the test's own. Dropping it stops it and removes its data.
struct Standalone {
    process: Child,
    folder: PathBuf,
    port: u16,
}

impl Standalone {
    /// The program that `MONGOD` names, else the one on the `PATH`.
    fn start() -> Standalone {
        let program = std::env::var_os("MONGOD").filter(|named| !named.is_empty()).unwrap_or("mongod".into());
        let folder = std::env::temp_dir().join(random_name());
        std::fs::create_dir(&folder).unwrap();
        let port = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap().port();
        let mut command = Command::new(program);
        command.arg("--dbpath").arg(&folder).args(["--port", &port.to_string(), "--bind_ip", "127.0.0.1"]);
        command.args(["--wiredTigerCacheSizeGB", "0.25"]).stdout(Stdio::null()).stderr(Stdio::null());
        Standalone { process: command.spawn().unwrap(), folder, port }
    }
}

impl Drop for Standalone {
    fn drop(&mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
        std::fs::remove_dir_all(&self.folder).unwrap();
    }
}

#[tokio::test]
async fn a_rotation_is_made_in_two_steps() {
    let server = Standalone::start();
    let uri = format!("mongodb://127.0.0.1:{}/?serverSelectionTimeoutMS=60000", server.port);
    for layout in [ExpressLayout::connect_mongodb_session(), ExpressLayout::connect_mongo_object().tombstones()] {
        let store = MongoStore::connect(&uri).await.unwrap().with_deadline(Duration::from_secs(60));
        let store = store.with_collection(&random_name()).with_layout(layout);
        let (old, other, new) = (key(), key(), key());
        for key in [&old, &other] {
            assert!(matches!(store.create(key, &record(), at(0)).await.unwrap(), Created::Done { .. }));
        }
        let add = patch(|patch| patch.add("n", 4).unwrap());
        let rotate = async |old, new| store.rotate(old, new, &add, &Guard::Exists, at(1)).await.unwrap();
        assert!(matches!(rotate(&old, &other).await, Rotated::Taken));
        let Rotated::Done { written, .. } = rotate(&old, &new).await else { panic!("not rotated") };
        assert_eq!(written.numbers[0].1, 5);
        assert!(matches!(rotate(&old, &key()).await, Rotated::Gone));
        assert!(matches!(store.load(&old, at(2)).await.unwrap(), Loaded::Superseded));
        let Loaded::Found(found) = store.load(&new, at(2)).await.unwrap() else { panic!("not found") };
        assert_eq!((found.token, found.record.data.get("n")), (written.token, Some(&Value::from(5))));
        assert!(store.destroy(&new, at(2)).await.unwrap());
        assert!(matches!(store.load(&old, at(2)).await.unwrap(), Loaded::Missing));
    }
}

#[tokio::test]
async fn it_has_no_feed_and_a_cache_asks_the_store_each_time() {
    let server = Standalone::start();
    let uri = format!("mongodb://127.0.0.1:{}/?serverSelectionTimeoutMS=60000", server.port);
    let store = MongoStore::connect(&uri).await.unwrap().with_deadline(Duration::from_secs(60));
    let store = store.with_collection(&random_name());
    let error = store.listen(1).await.unwrap_err();
    let source = std::error::Error::source(&error).unwrap().to_string();
    assert!(source.contains("only a replica set has change streams"), "{source}");

    let (cache, key) = (NearCache::new(store).unwrap(), key());
    assert!(matches!(cache.create(&key, &record(), at(0)).await.unwrap(), Created::Done { .. }));
    for _ in 0..3 {
        assert!(matches!(cache.load(&key, at(1)).await.unwrap(), Loaded::Found(_)));
    }
    let stats = cache.stats();
    assert_eq!((stats.hits, stats.misses, stats.is_live), (0, 3, false));
}
