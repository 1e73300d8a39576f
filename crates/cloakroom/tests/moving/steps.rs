//! What is read where it is, what moves, and what a token of either store is worth.

use std::time::Duration;

use cloakroom::record::{Expiry, Patch, StoreKey};
use cloakroom::store::{Applied, Created, Guard, Loaded, MemoryStore, SUPERSEDED_FOR, Store};

use super::support::{NOW, World, add, now, record, word};

fn holds(store: &MemoryStore, key: &StoreKey) -> bool {
    matches!(now(store.load(key, NOW)).unwrap(), Loaded::Found(_))
}

fn where_it_is(world: &World) -> [bool; 2] {
    [holds(&world.old.inner, &world.key), holds(&world.new.inner, &world.key)]
}

#[test]
fn a_read_leaves_a_session_where_it_is() {
    let world = World::new();
    assert_eq!(world.found(&world.key), Some(record()));
    assert_eq!(where_it_is(&world), [true, false]);
}

#[test]
fn any_write_moves_it_whole() {
    let touch = {
        let mut patch = Patch::default();
        patch.expiry = Expiry::AtLeast(NOW + Duration::from_secs(5_000));
        patch
    };
    for patch in [add("n"), touch, Patch::default()] {
        let world = World::new();
        let mut wanted = record();
        patch.apply_to(&mut wanted, NOW).unwrap();
        assert_eq!(word(&now(world.store.apply(&world.key, &patch, &Guard::Exists, NOW)).unwrap()), "Done");
        assert_eq!(where_it_is(&world), [false, true]);
        assert_eq!(world.found(&world.key), Some(wanted));
        // All that is left is the one record.
        assert_eq!((world.old.inner.stats().sessions, world.new.inner.stats().sessions), (0, 1));
    }
}

#[test]
fn a_new_session_begins_in_the_new_store_and_while_nothing_moves_in_the_old_one() {
    let world = World::new();
    for (store, wanted) in [(&world.store, [false, true]), (&world.staying, [true, false])] {
        let key = StoreKey::generate().unwrap();
        assert_eq!(word(&now(store.create(&key, &record(), NOW)).unwrap()), "Done");
        assert_eq!([holds(&world.old.inner, &key), holds(&world.new.inner, &key)], wanted);
        for store in [&world.store, &world.staying] {
            assert!(matches!(now(store.create(&key, &record(), NOW)).unwrap(), Created::Taken));
        }
    }
}

#[test]
fn who_does_not_move_writes_to_a_session_where_it_is() {
    let world = World::new();
    for (store, wanted) in
        [(&world.staying, [true, false]), (&world.store, [false, true]), (&world.staying, [false, true])]
    {
        assert_eq!(word(&now(store.apply(&world.key, &add("n"), &Guard::Exists, NOW)).unwrap()), "Done");
        assert_eq!(where_it_is(&world), wanted);
    }
    assert_eq!(world.n(&world.key), Some(3));
}

/// The first state of a record has the same number in both stores.
#[test]
fn a_token_of_the_old_store_is_none_of_the_new_one() {
    let world = World::new();
    let of_old = world.guard();
    assert!(matches!(now(world.store.apply(&world.key, &Patch::default(), &of_old, NOW)), Ok(Applied::Done(_))));
    let of_new = world.guard();
    for store in [&world.store, &world.staying] {
        let answer = now(store.apply(&world.key, &add("n"), &of_old, NOW)).unwrap();
        assert_eq!(word(&answer), "Conflict");
        let to = StoreKey::generate().unwrap();
        assert_eq!(word(&now(store.rotate(&world.key, &to, &add("n"), &of_old, NOW)).unwrap()), "Conflict");
    }
    assert!(matches!(now(world.store.apply(&world.key, &add("n"), &of_new, NOW)), Ok(Applied::Done(_))));
    assert!(now(world.store.destroy(&world.key, NOW)).unwrap());
    for guard in [of_old, of_new] {
        assert_eq!(word(&now(world.store.apply(&world.key, &add("n"), &guard, NOW)).unwrap()), "Gone");
    }
}

#[test]
fn a_token_guards_the_write_that_moves() {
    let world = World::new();
    let stale = world.guard();
    assert_eq!(word(&now(world.old.inner.apply(&world.key, &add("n"), &Guard::Exists, NOW)).unwrap()), "Done");
    assert_eq!(word(&now(world.store.apply(&world.key, &add("n"), &stale, NOW)).unwrap()), "Conflict");
    let fresh = world.guard();
    assert_eq!(word(&now(world.store.apply(&world.key, &add("n"), &fresh, NOW)).unwrap()), "Done");
    assert_eq!(world.n(&world.key), Some(2));
}

#[test]
fn the_first_rotation_is_remembered() {
    let world = World::new();
    let to = StoreKey::generate().unwrap();
    assert_eq!(word(&now(world.store.rotate(&world.key, &to, &add("n"), &Guard::Exists, NOW)).unwrap()), "Done");
    assert_eq!(world.n(&to), Some(1));
    for store in [&world.store, &world.staying] {
        assert_eq!(word(&now(store.load(&world.key, NOW)).unwrap()), "Superseded");
    }
}

/// Otherwise a request that was sent before would throw out who has just logged in, and a late log-out be told as done.
#[test]
fn what_was_rotated_in_the_old_store_moves_when_that_is_forgotten_anyway() {
    let mut world = World::new();
    let (first, to) = (world.key.clone(), StoreKey::generate().unwrap());
    assert_eq!(word(&now(world.staying.rotate(&first, &to, &add("n"), &Guard::Exists, NOW)).unwrap()), "Done");
    world.key = to;
    assert_eq!(world.found(&world.key).unwrap().metadata, record().metadata);
    assert_eq!(word(&now(world.store.apply(&world.key, &add("n"), &Guard::Exists, NOW)).unwrap()), "Done");
    assert_eq!(where_it_is(&world), [true, false]);
    assert_eq!(word(&now(world.store.load(&first, NOW)).unwrap()), "Superseded");
    let later = NOW + SUPERSEDED_FOR;
    assert_eq!(word(&now(world.store.apply(&world.key, &add("n"), &Guard::Exists, later)).unwrap()), "Done");
    assert_eq!(where_it_is(&world), [false, true]);
    assert_eq!(world.n(&world.key), Some(3));
    assert_eq!(world.found(&world.key).unwrap().metadata, record().metadata);
}

#[test]
fn an_expired_record_of_the_new_store_makes_room() {
    let world = World::new();
    // As a request of Express can do it that has loaded a session before it was moved and ended.
    let mut over = record();
    over.idle_end = NOW;
    now(world.new.inner.create(&world.key, &over, NOW)).unwrap();
    assert_eq!(word(&now(world.store.apply(&world.key, &add("n"), &Guard::Exists, NOW)).unwrap()), "Done");
    assert_eq!(world.n(&world.key), Some(1));
}

#[test]
fn both_stores_are_swept() {
    let world = World::new();
    let end = NOW + Duration::from_secs(60 * 60);
    now(world.new.inner.create(&StoreKey::generate().unwrap(), &record(), NOW)).unwrap();
    assert_eq!(now(world.store.sweep(10, NOW)).unwrap(), 0);
    assert_eq!(now(world.store.sweep(1, end)).unwrap(), 1);
    assert_eq!(now(world.store.sweep(10, end)).unwrap(), 1);
}
