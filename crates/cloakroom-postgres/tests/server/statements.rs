//! One question to the server per call, as the design promises.

use cloakroom::record::Expiry;
use cloakroom::store::{Applied, Created, Guard, Loaded, Rotated, Store, Token};
use cloakroom_postgres::PostgresStore;

use crate::proxy::Proxy;
use crate::scratch::{at, key, patch, record, scratch};

#[tokio::test]
async fn each_call_is_one_question() {
    scratch(|scratch| async move {
        let proxy = Proxy::start().await;
        let store = PostgresStore::connect(&proxy.url()).await.unwrap().with_schema(&scratch.schema);
        // The first time that a connection sees a statement it prepares it; from then on each is one question.
        for turn in 0..2 {
            let mut asked = Vec::new();
            let (key, new) = (key(), key());
            proxy.asked();
            let created = store.create(&key, &record(), at(0)).await.unwrap();
            let Created::Done { token, .. } = created else { panic!("{created:?}") };
            asked.push(("create", proxy.asked()));
            assert!(matches!(store.create(&key, &record(), at(0)).await.unwrap(), Created::Taken));
            asked.push(("create of a key that is taken", proxy.asked()));
            assert!(matches!(store.load(&key, at(1)).await.unwrap(), Loaded::Found(_)));
            asked.push(("load", proxy.asked()));
            assert!(matches!(store.load(&new, at(1)).await.unwrap(), Loaded::Missing));
            asked.push(("load of a missing key", proxy.asked()));

            let touch = patch(|patch| patch.expiry = Expiry::AtLeast(at(200)));
            let set = patch(|patch| patch.set("a", crate::scratch::text("b")));
            let add = patch(|patch| patch.add("n", 2).unwrap());
            for (name, patch) in [("touch", touch), ("set", set), ("add", add.clone())] {
                assert!(matches!(store.apply(&key, &patch, &Guard::Exists, at(1)).await.unwrap(), Applied::Done(_)));
                asked.push((name, proxy.asked()));
            }
            let conflict = store.apply(&key, &add, &Guard::Unchanged(token), at(1)).await.unwrap();
            assert!(matches!(conflict, Applied::Conflict));
            asked.push(("conflict", proxy.asked()));
            let wrong = patch(|patch| patch.add("word", 2).unwrap());
            let wrong = store.apply(&key, &wrong, &Guard::Exists, at(1)).await.unwrap();
            assert!(matches!(wrong, Applied::WrongType));
            asked.push(("wrong type", proxy.asked()));
            assert!(matches!(store.apply(&new, &add, &Guard::Exists, at(1)).await.unwrap(), Applied::Gone));
            asked.push(("gone", proxy.asked()));

            let guard = Guard::Unchanged(Token::version(3));
            assert!(matches!(store.rotate(&key, &new, &add, &guard, at(1)).await.unwrap(), Rotated::Done { .. }));
            asked.push(("rotate", proxy.asked()));
            assert!(matches!(store.load(&key, at(1)).await.unwrap(), Loaded::Superseded));
            asked.push(("load of a key that was rotated away", proxy.asked()));
            assert!(store.destroy(&new, at(1)).await.unwrap());
            asked.push(("destroy", proxy.asked()));
            assert_eq!(store.sweep(10, at(1)).await.unwrap(), 0);
            asked.push(("sweep", proxy.asked()));
            if turn == 1 {
                asked.retain(|(_, questions)| *questions != 1);
                assert_eq!(asked, []);
            }
        }
    })
    .await;
}
