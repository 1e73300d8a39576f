//! The table, and who makes it.

use cloakroom::store::{Store, StoreErrorKind};
use cloakroom_postgres::PostgresStore;

use crate::scratch::{at, record, scratch, url};

#[tokio::test(flavor = "multi_thread")]
async fn many_processes_make_one_table_at_once() {
    scratch(|scratch| async move {
        let start = |schema: String| async move {
            let store = PostgresStore::connect(&url()).await.unwrap().with_schema(&schema).with_table("at \"once\"");
            store.create(&crate::scratch::key(), &record(), at(0)).await.unwrap();
        };
        let all: Vec<_> = (0..12).map(|_| tokio::spawn(start(scratch.schema.clone()))).collect();
        for each in all {
            each.await.unwrap();
        }
        assert_eq!(scratch.rows("SELECT count(*) FROM \"at \"\"once\"\"\"").await, ["12"]);
        assert_eq!(scratch.rows("SELECT count(*) FROM pg_indexes WHERE schemaname = current_schema()").await, ["5"]);
    })
    .await;
}

#[tokio::test]
async fn migrations_of_ones_own_make_the_same_table() {
    scratch(|scratch| async move {
        let store = scratch.store.clone().without_migrations();
        let missing = store.load(&crate::scratch::key(), at(0)).await.unwrap_err();
        assert_eq!(missing.kind(), StoreErrorKind::Other);
        scratch.run(&store.migrations().join(";")).await;
        store.create(&crate::scratch::key(), &record(), at(0)).await.unwrap();
        scratch.store.ensure_table().await.unwrap();
    })
    .await;
}

#[tokio::test]
async fn a_role_that_may_make_no_table_needs_none_once_it_is_there() {
    scratch(|scratch| async move {
        let role = scratch.schema.replace("test", "role");
        scratch.run(&format!("CREATE ROLE {role}; GRANT USAGE ON SCHEMA {} TO {role}", scratch.schema)).await;
        let options = format!("options=-c%20role%3D{role}");
        let store = || async {
            let store = PostgresStore::connect(&crate::scratch::url_with(&options)).await.unwrap();
            store.with_schema(&scratch.schema)
        };
        let refused = store().await.ensure_table().await.unwrap_err();
        assert_eq!(refused.kind(), StoreErrorKind::Unavailable);
        scratch.store.ensure_table().await.unwrap();
        let grant = format!("GRANT SELECT, INSERT, UPDATE, DELETE ON cloakroom_sessions TO {role}");
        scratch.run(&grant).await;
        let created = store().await.create(&crate::scratch::key(), &record(), at(0)).await;
        scratch.run(&format!("DROP OWNED BY {role}; DROP ROLE {role}")).await;
        created.unwrap();
    })
    .await;
}

#[tokio::test]
async fn a_name_that_no_table_can_have_is_an_error_and_no_statement() {
    scratch(|scratch| async move {
        for name in ["", "a\0b", &"x".repeat(64)] {
            let store = scratch.store.clone().with_table(name);
            assert_eq!(store.ensure_table().await.unwrap_err().kind(), StoreErrorKind::Other);
            assert_eq!(store.load(&crate::scratch::key(), at(0)).await.unwrap_err().kind(), StoreErrorKind::Other);
        }
    })
    .await;
}
