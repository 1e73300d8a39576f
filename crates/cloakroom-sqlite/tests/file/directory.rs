//! Lists, counts and revocations.

use cloakroom::UserId;
use cloakroom::record::{Handle, StoreKey};
use cloakroom::store::{Directory, Store};

use crate::scratch::{Scratch, at, created, found, record, scratch};

async fn session_of(scratch: &Scratch, user: &UserId, seen: i64) -> (StoreKey, Handle) {
    let mut record = record();
    (record.user, record.seen) = (Some(user.clone()), at(seen));
    let (key, _) = created(&**scratch, &record).await;
    let handle = found(&**scratch, &key, at(1)).await.unwrap().handle;
    (key, handle)
}

#[tokio::test]
async fn a_user_sees_and_ends_only_sessions_of_their_own() {
    let scratch = scratch().await;
    let directory: &dyn Directory = scratch.store.directory().unwrap();
    let (ada, bob) = (UserId::new("ada").unwrap(), UserId::new("%' OR 1=1 --").unwrap());
    let (_, first) = session_of(&scratch, &ada, 1).await;
    let (_, second) = session_of(&scratch, &ada, 3).await;
    let (_, third) = session_of(&scratch, &ada, 2).await;
    let (key, of_bob) = session_of(&scratch, &bob, 1).await;

    let listed: Vec<_> = directory.list(&ada, at(4)).await.unwrap().into_iter().map(|entry| entry.handle).collect();
    assert_eq!(listed, [second.clone(), third, first.clone()]);
    assert_eq!(directory.count(&bob, at(4)).await.unwrap(), 1);
    assert!(!directory.revoke(&ada, &of_bob, at(4)).await.unwrap());
    assert!(!directory.revoke(&ada, &Handle::new("' OR 1=1 --"), at(4)).await.unwrap());
    assert!(directory.revoke(&ada, &first, at(4)).await.unwrap());
    assert!(!directory.revoke(&ada, &first, at(4)).await.unwrap());
    assert_eq!(directory.revoke_all(&ada, Some(&second), at(4)).await.unwrap(), 1);
    assert_eq!(directory.count(&ada, at(4)).await.unwrap(), 1);
    assert_eq!(directory.revoke_all(&ada, None, at(4)).await.unwrap(), 1);
    assert!(found(&*scratch, &key, at(4)).await.is_some());
    assert!(directory.list(&bob, at(2_000)).await.unwrap().is_empty());
}

#[tokio::test]
async fn pages_hold_each_session_once() {
    let scratch = scratch().await;
    let directory: &dyn Directory = scratch.store.directory().unwrap();
    for _ in 0..7 {
        created(&*scratch, &record()).await;
    }
    let (mut seen, mut after) = (Vec::new(), None);
    loop {
        let page = directory.page(after.as_ref(), 3, at(1)).await.unwrap();
        let Some(last) = page.last() else { break };
        after = Some(last.handle.clone());
        seen.extend(page.into_iter().map(|entry| entry.handle));
    }
    assert_eq!(seen.len(), 7);
    assert!(seen.is_sorted());
    assert!(directory.page(None, 0, at(1)).await.unwrap().is_empty());
    assert!(directory.page(Some(&Handle::new("zzz")), 3, at(1)).await.unwrap().is_empty());
}

/// Also where time stands still, so that chance alone tells the ids apart.
#[tokio::test(flavor = "multi_thread")]
async fn handles_of_sessions_of_one_moment_are_all_different() {
    let scratch = scratch().await;
    let creates = (0..2_000).map(|_| {
        let store = scratch.store.clone();
        tokio::spawn(async move { created(&store, &record()).await })
    });
    for create in creates.collect::<Vec<_>>() {
        create.await.unwrap();
    }
    let entries = scratch.store.page(None, usize::MAX, at(1)).await.unwrap();
    assert_eq!(entries.len(), 2_000);
    assert!(entries.is_sorted_by(|one, next| one.handle < next.handle));
}
