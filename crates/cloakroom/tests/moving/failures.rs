//! A call that fails at any point of a move, done or not: it is told, and what comes after it finds what is right.

use std::sync::atomic::Ordering;

use cloakroom::record::StoreKey;
use cloakroom::store::{Export as _, Guard, Moved, Rotated, Store, StoreError};

use super::support::{NOW, World, add, now};

/// Runs `call` once for each of the store's calls in it that can fail, before or after it was done, until none fails.
/// What is checked then is the state that the failure left, by `check`.
fn wherever_it_fails<T>(call: impl Fn(&World) -> Result<T, StoreError>, check: impl Fn(&World)) {
    for after in [false, true] {
        let mut failures = 0;
        loop {
            let world = World::new();
            let first = world.fate.calls.load(Ordering::SeqCst);
            *world.fate.fails.lock().unwrap() = Some((first + failures, after));
            let answer = call(&world);
            *world.fate.fails.lock().unwrap() = None;
            if answer.is_ok() {
                // It came to its end before the call that was to fail.
                assert_eq!(world.fate.calls.load(Ordering::SeqCst) - first, failures);
                break;
            }
            check(&world);
            failures += 1;
        }
        assert!(failures >= 2, "{failures} calls only");
    }
}

fn write(world: &World) -> Result<cloakroom::store::Applied, StoreError> {
    now(world.store.apply(&world.key, &add("n"), &Guard::Exists, NOW))
}

#[test]
fn a_write_that_fails_while_it_moves_loses_nothing() {
    wherever_it_fails(write, |world| {
        let before = world.n(&world.key).unwrap();
        assert!((0..=1).contains(&before), "it happened or not");
        write(world).unwrap();
        assert_eq!(world.n(&world.key), Some(before + 1));
        assert_eq!(world.found(&world.key).unwrap().metadata, super::support::record().metadata);
    });
}

#[test]
fn a_session_whose_move_has_failed_can_be_ended() {
    wherever_it_fails(write, |world| {
        assert!(now(world.store.destroy(&world.key, NOW)).unwrap());
        assert_eq!(world.found(&world.key), None);
        assert!(matches!(write(world).unwrap(), cloakroom::store::Applied::Gone));
    });
}

/// As the command does that moves what nobody uses: again with what it has read before, or with what it reads then.
#[test]
fn what_could_not_be_brought_over_is_brought_over_the_next_time() {
    let read = |world: &World| now(world.old.inner.records(None, 1, NOW)).unwrap().records.pop();
    for reads_again in [false, true] {
        let first = std::cell::RefCell::new(None);
        let bring = |world: &World| {
            let exported = read(world).unwrap();
            *first.borrow_mut() = Some(exported.clone());
            now(world.store.bring_over(&exported, NOW))
        };
        wherever_it_fails(bring, |world| {
            let exported = if reads_again { read(world) } else { first.borrow().clone() };
            if let Some(exported) = exported {
                assert_eq!(now(world.store.bring_over(&exported, NOW)).unwrap(), Moved::Done);
            }
            assert_eq!((world.n(&world.key), world.old.inner.stats().sessions), (Some(0), 0));
            assert_eq!(world.found(&world.key).unwrap().metadata, super::support::record().metadata);
        });
    }
}

#[test]
fn a_session_whose_move_has_failed_is_in_the_directory_once() {
    use cloakroom::store::Directory;
    wherever_it_fails(write, |world| {
        let user = super::support::user();
        for look in 0..2 {
            assert_eq!(now(world.store.count(&user, NOW)).unwrap(), 1);
            assert_eq!(now(world.store.page(None, 10, NOW)).unwrap().len(), 1);
            if look == 0 {
                world.found(&world.key).unwrap();
            }
        }
        assert_eq!(now(world.store.revoke_all(&user, None, NOW)).unwrap(), 1);
        assert_eq!(world.found(&world.key), None);
        assert_eq!(now(world.store.count(&user, NOW)).unwrap(), 0);
    });
}

#[test]
fn a_session_whose_move_has_failed_is_written_by_who_does_not_move() {
    wherever_it_fails(write, |world| {
        let before = world.n(&world.key).unwrap();
        now(world.staying.apply(&world.key, &add("n"), &Guard::Exists, NOW)).unwrap();
        assert_eq!(world.n(&world.key), Some(before + 1));
    });
}

#[test]
fn a_log_out_that_fails_is_done_or_not_and_can_be_repeated() {
    wherever_it_fails(
        |world| now(world.store.destroy(&world.key, NOW)),
        |world| {
            now(world.store.destroy(&world.key, NOW)).unwrap();
            assert_eq!(world.found(&world.key), None);
            assert_eq!((world.old.inner.stats().sessions, world.new.inner.stats().sessions), (0, 0));
        },
    );
}

/// As the session layer does it: with the same new id.
#[test]
fn a_rotation_that_fails_can_be_tried_again() {
    let to = StoreKey::generate().unwrap();
    let rotate = |world: &World| now(world.store.rotate(&world.key, &to, &add("n"), &Guard::Exists, NOW));
    wherever_it_fails(rotate, |world| {
        assert_ne!(world.n(&to).is_some(), world.n(&world.key).is_some(), "one key finds it");
        match rotate(world).unwrap() {
            Rotated::Done { .. } | Rotated::Gone | Rotated::Taken => {}
            other => panic!("it is {other:?}"),
        }
        assert_eq!((world.n(&to), world.n(&world.key)), (Some(1), None));
    });
}

#[test]
fn a_read_that_fails_changes_nothing() {
    wherever_it_fails(|world| now(world.store.load(&world.key, NOW)), |world| assert_eq!(world.n(&world.key), Some(0)));
}
