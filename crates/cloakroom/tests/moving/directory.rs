//! The directory over both stores.

use cloakroom::record::StoreKey;
use cloakroom::store::{Directory, Entry, Guard, Loaded, MemoryStore, MovingStore, Store};
use cloakroom::{Handle, UserId};

use super::support::{NOW, World, add, now, record, user, word};

/// Five sessions, some of which have moved, and their handles as they are now.
fn some(world: &World) -> Vec<(StoreKey, Handle)> {
    let mut keys = vec![world.key.clone()];
    for number in 0..4 {
        let key = StoreKey::generate().unwrap();
        world.seed(&key);
        if number % 2 == 0 {
            assert_eq!(word(&now(world.store.apply(&key, &add("n"), &Guard::Exists, NOW)).unwrap()), "Done");
        }
        keys.push(key);
    }
    let handle = |key: &StoreKey| match now(world.store.load(key, NOW)).unwrap() {
        Loaded::Found(found) => found.handle,
        other => panic!("it is {other:?}"),
    };
    let mut sessions: Vec<_> = keys.into_iter().map(|key| (key.clone(), handle(&key))).collect();
    sessions.sort_by(|one, other| one.1.cmp(&other.1));
    sessions
}

fn handles<'a>(entries: impl IntoIterator<Item = &'a Entry>) -> Vec<Handle> {
    entries.into_iter().map(|entry| entry.handle.clone()).collect()
}

#[test]
fn it_shows_the_sessions_of_both_and_none_of_the_marks() {
    let world = World::new();
    let sessions = some(&world);
    let mut listed = now(world.store.list(&user(), NOW)).unwrap();
    listed.sort_by(|one, other| one.handle.cmp(&other.handle));
    let paged = now(world.store.page(None, 100, NOW)).unwrap();
    for entries in [&listed, &paged] {
        assert_eq!(handles(entries), sessions.iter().map(|(_, handle)| handle.clone()).collect::<Vec<_>>());
        assert!(entries.iter().all(|entry| entry.metadata == record().metadata));
    }
    assert_eq!(now(world.store.count(&user(), NOW)).unwrap(), 5);
}

#[test]
fn its_pages_are_in_one_order() {
    let world = World::new();
    let sessions = some(&world);
    for limit in 1..4 {
        let (mut all, mut after) = (Vec::new(), None);
        loop {
            let page = now(world.store.page(after.as_ref(), limit, NOW)).unwrap();
            assert!(page.len() <= limit);
            let Some(last) = page.last() else { break };
            after = Some(last.handle.clone());
            all.extend(page);
        }
        assert_eq!(handles(&all), sessions.iter().map(|(_, handle)| handle.clone()).collect::<Vec<_>>());
    }
}

#[test]
fn revoke_ends_the_one_that_is_meant_wherever_it_is() {
    let world = World::new();
    let sessions = some(&world);
    let eve = UserId::new("eve").unwrap();
    for (number, (key, handle)) in sessions.iter().enumerate() {
        assert!(!now(world.store.revoke(&eve, handle, NOW)).unwrap());
        assert!(now(world.store.revoke(&user(), handle, NOW)).unwrap());
        assert!(!now(world.store.revoke(&user(), handle, NOW)).unwrap());
        assert_eq!(world.found(key), None);
        assert_eq!(now(world.store.count(&user(), NOW)).unwrap(), 4 - number as u64);
    }
}

#[test]
fn a_session_that_has_moved_is_revoked_by_its_old_handle() {
    let world = World::new();
    let other = StoreKey::generate().unwrap();
    let handle = world.seed(&other);
    now(world.store.apply(&other, &add("n"), &Guard::Exists, NOW)).unwrap();
    assert!(now(world.store.revoke(&user(), &handle, NOW)).unwrap());
    assert_eq!((world.found(&other), world.n(&world.key)), (None, Some(0)));
}

#[test]
fn revoke_all_spares_one_wherever_it_is() {
    for spared in 0..5 {
        let world = World::new();
        let sessions = some(&world);
        let except = &sessions[spared].1;
        assert_eq!(now(world.store.revoke_all(&user(), Some(except), NOW)).unwrap(), 4);
        let left: Vec<_> = sessions.iter().map(|(key, _)| world.found(key).is_some()).collect();
        assert_eq!(left, (0..5).map(|number| number == spared).collect::<Vec<_>>());
        assert_eq!(now(world.store.revoke_all(&user(), None, NOW)).unwrap(), 1);
    }
}

#[test]
fn there_is_none_if_one_of_the_stores_has_none() {
    #[derive(Debug)]
    struct Without(MemoryStore);
    impl Store for Without {
        fn load<'a>(
            &'a self,
            key: &'a StoreKey,
            now: cloakroom::Timestamp,
        ) -> cloakroom::store::StoreFuture<'a, Loaded> {
            self.0.load(key, now)
        }
        fn create<'a>(
            &'a self,
            key: &'a StoreKey,
            record: &'a cloakroom::record::Record,
            now: cloakroom::Timestamp,
        ) -> cloakroom::store::StoreFuture<'a, cloakroom::store::Created> {
            self.0.create(key, record, now)
        }
        fn apply<'a>(
            &'a self,
            key: &'a StoreKey,
            patch: &'a cloakroom::record::Patch,
            guard: &'a Guard,
            now: cloakroom::Timestamp,
        ) -> cloakroom::store::StoreFuture<'a, cloakroom::store::Applied> {
            self.0.apply(key, patch, guard, now)
        }
        fn rotate<'a>(
            &'a self,
            old: &'a StoreKey,
            new: &'a StoreKey,
            patch: &'a cloakroom::record::Patch,
            guard: &'a Guard,
            now: cloakroom::Timestamp,
        ) -> cloakroom::store::StoreFuture<'a, cloakroom::store::Rotated> {
            self.0.rotate(old, new, patch, guard, now)
        }
        fn destroy<'a>(
            &'a self,
            key: &'a StoreKey,
            now: cloakroom::Timestamp,
        ) -> cloakroom::store::StoreFuture<'a, bool> {
            self.0.destroy(key, now)
        }
        fn sweep(&self, limit: usize, now: cloakroom::Timestamp) -> cloakroom::store::StoreFuture<'_, usize> {
            self.0.sweep(limit, now)
        }
        fn capabilities(&self) -> cloakroom::store::Capabilities {
            self.0.capabilities()
        }
    }
    assert!(MovingStore::new(Without(MemoryStore::new()), MemoryStore::new()).directory().is_none());
    assert!(MovingStore::new(MemoryStore::new(), Without(MemoryStore::new())).directory().is_none());
}
