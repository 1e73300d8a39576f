//! What stands in the file, as SQLite's own shell would show it.

use std::error::Error;
use std::sync::Arc;
use std::time::Duration;

use cloakroom::UserId;
use cloakroom::record::{Lifetime, Value};
use cloakroom::store::{Guard, Rotated, Store as _, StoreErrorKind};

use crate::scratch::{apply, at, bare, created, found, key, patch, record, scratch, set, text};

#[tokio::test]
async fn each_column_has_what_the_readme_says() {
    let scratch = scratch().await;
    let mut record = record();
    record.user = UserId::new("ada").ok();
    record.lifetime = Lifetime { idle: Some(Duration::from_secs(9)), persistent: Some(true) };
    record.metadata = Arc::new([("agent", text("curl"))].into_iter().collect());
    let data = [("n", "1"), ("f", "1.0"), ("a.b", "[{\"$x\":null}]"), ("\0", "true")];
    record.data = Arc::new(data.map(|(key, json)| (key, Value::from_json(json).unwrap())).into_iter().collect());
    let (old, _) = created(&*scratch, &record).await;
    let new = key();
    let rotated = scratch.rotate(&old, &new, &patch(|_| {}), &Guard::Exists, at(1)).await.unwrap();
    let Rotated::Done { handle, .. } = rotated else { panic!("{rotated:?}") };

    let texts = "SELECT printf('%016x', id), hex(key), hex(previous), user, metadata, data FROM session";
    let row = |connection: rusqlite::Connection| {
        let row = |row: &rusqlite::Row<'_>| (0..6).map(|index| row.get::<_, String>(index)).collect();
        connection.query_row(texts, [], row).unwrap()
    };
    let texts: Vec<String> = row(bare(&scratch.folder));
    let hex = |digest: &[u8; 32]| digest.iter().map(|byte| format!("{byte:02X}")).collect::<String>();
    let data = r#"{"\u0000":true,"a.b":[{"$x":null}],"f":1.0,"n":1}"#;
    let expected = [handle.as_str(), &hex(new.digest()), &hex(old.digest()), "ada", r#"{"agent":"curl"}"#, data]
        .map(str::to_owned);
    assert_eq!(texts, expected);
    let numbers =
        "SELECT version, created, seen, idle_end, absolute_end, idle, persistent, previous_until FROM session";
    let numbers: Vec<i64> =
        bare(&scratch.folder).query_row(numbers, [], |row| (0..8).map(|index| row.get(index)).collect()).unwrap();
    let time = |seconds| at(seconds).as_millis();
    assert_eq!(numbers, [1, time(0), time(0), time(100), time(1_000), 9_000, 1, time(11)]);
}

#[tokio::test]
async fn the_id_is_nowhere_in_the_file() {
    let scratch = scratch().await;
    let (key, _) = created(&*scratch, &record()).await;
    let folder = &scratch.folder;
    scratch.store.clone().close().await;
    let bytes = std::fs::read(folder.file()).unwrap();
    let holds = |wanted: &[u8]| bytes.windows(wanted.len()).any(|window| window == wanted);
    assert!(holds(key.digest()));
    assert!(!holds(key.plain().as_bytes()));
}

#[tokio::test]
async fn a_broken_record_is_an_error_that_tells_nothing_of_it_and_harms_no_other() {
    let scratch = scratch().await;
    let (key, _) = created(&*scratch, &record()).await;
    for broken in ["data = 'hunter2'", "data = '[]'", "metadata = '{\"hunter2\"}'", "user = ''", "idle = -1"] {
        let (other, _) = created(&*scratch, &record()).await;
        let sql = format!("UPDATE session SET {broken} WHERE key = ?1");
        bare(&scratch.folder).execute(&sql, [other.digest()]).unwrap();
        let error = scratch.load(&other, at(1)).await.unwrap_err();
        let refused = scratch.apply(&other, &set("a", 1), &Guard::Exists, at(1)).await.unwrap_err();
        for error in [error, refused] {
            let chain = format!("{error} {error:?} {}", error.source().unwrap());
            assert!(!chain.contains("hunter"), "{chain}");
            assert_eq!(error.kind(), StoreErrorKind::Corrupt, "{broken}");
        }
        apply(&*scratch, &key, &set("a", 1)).await;
        assert!(found(&*scratch, &key, at(1)).await.is_some());
        assert!(scratch.destroy(&other, at(1)).await.unwrap());
    }
}

#[tokio::test]
async fn each_look_up_goes_by_an_index() {
    let scratch = scratch().await;
    created(&*scratch, &record()).await;
    let connection = bare(&scratch.folder);
    let plan = |sql: &str| -> String {
        let mut explain = connection.prepare(&format!("EXPLAIN QUERY PLAN {sql}")).unwrap();
        let steps: Result<Vec<String>, _> = explain.query_map([], |row| row.get("detail")).unwrap().collect();
        steps.unwrap().join("; ")
    };
    let look_ups = [
        ("sqlite_autoindex_session_1 (key=?)", "SELECT data FROM session WHERE key = x'00'"),
        ("session_previous (previous=?)", "SELECT id FROM session WHERE previous = x'00' AND previous_until > 5"),
        ("session_user (user=?)", "SELECT id FROM session WHERE user = 'ada' AND idle_end > 5 ORDER BY seen DESC"),
        ("PRIMARY KEY (rowid>?)", "SELECT id FROM session WHERE id > 5 AND idle_end > 5 ORDER BY id LIMIT 3"),
        (
            "session_end (<expr><?)",
            "SELECT id FROM session WHERE min(idle_end, absolute_end) <= 5 ORDER BY min(idle_end, absolute_end) LIMIT 9",
        ),
    ];
    for (index, sql) in look_ups {
        let plan = plan(sql);
        assert!(plan.contains(index) && !plan.contains("SCAN"), "{sql}: {plan}");
    }
}
