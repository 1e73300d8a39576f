//! One command per call, as the design promises.

use cloakroom::store::{Applied, Guard, Loaded, Rotated, Store, Token};

use crate::scratch::{at, key, patch, record, scratch};

#[tokio::test]
async fn each_call_is_one_command() {
    scratch(|scratch| async move {
        let store = &scratch.store;
        store.ensure_indexes().await.unwrap();
        scratch.sent();

        let (key, token) = scratch.created(&record()).await;
        assert_eq!(scratch.sent(), ["insert"]);

        assert!(scratch.found(&key, at(1)).await.is_some());
        assert_eq!(scratch.sent(), ["find"]);

        assert!(matches!(store.load(&self::key(), at(1)).await.unwrap(), Loaded::Missing));
        assert_eq!(scratch.sent(), ["find", "find"]);

        let add = patch(|patch| patch.add("n", 2).unwrap());
        assert!(matches!(scratch.apply(&key, &add).await, Applied::Done(_)));
        assert_eq!(scratch.sent(), ["findAndModify"]);

        assert!(matches!(scratch.apply(&self::key(), &patch(|patch| patch.unset("n"))).await, Applied::Gone));
        assert_eq!(scratch.sent(), ["findAndModify"]);

        // Only to tell why not takes a second one.
        let conflict = store.apply(&key, &add, &Guard::Unchanged(token), at(1)).await.unwrap();
        assert!(matches!(conflict, Applied::Conflict));
        assert_eq!(scratch.sent(), ["findAndModify", "find"]);

        let new = self::key();
        let rotated = store.rotate(&key, &new, &add, &Guard::Unchanged(Token::version(2)), at(1)).await.unwrap();
        assert!(matches!(rotated, Rotated::Done { .. }));
        assert_eq!(scratch.sent(), ["findAndModify"]);

        assert!(matches!(store.load(&key, at(1)).await.unwrap(), Loaded::Superseded));
        assert_eq!(scratch.sent(), ["find", "find"]);

        assert!(store.destroy(&new, at(1)).await.unwrap());
        assert_eq!(scratch.sent(), ["findAndModify"]);

        assert_eq!(store.sweep(10, at(1)).await.unwrap(), 0);
        assert_eq!(scratch.sent(), ["find", "find"], "by either end of a session");
    })
    .await;
}
