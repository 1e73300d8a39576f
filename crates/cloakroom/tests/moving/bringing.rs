//! What nobody uses is moved as it was read, unless something has happened since.

use std::sync::atomic::Ordering;

use cloakroom::record::StoreKey;
use cloakroom::store::{Export as _, Exported, Guard, Moved, SUPERSEDED_FOR, Store};

use super::orders::{
    Task, destroy, in_all_orders, in_many_orders, nothing_is_left, only_one_record_is_left, rotate, write,
};
use super::support::{NOW, World, add, now, record, word};

/// The session as the old store hands it out now.
fn exported(world: &World) -> Exported {
    let batch = now(world.old.inner.records(None, 10, NOW)).unwrap();
    batch.records.into_iter().next().unwrap()
}

/// Moves what was read before anybody began.
fn bring(world: &World) -> Task {
    let (store, exported) = (world.store.clone(), exported(world));
    Box::pin(async move { word(&store.bring_over(&exported, NOW).await.unwrap()) })
}

/// How many calls of the stores it takes.
fn calls(world: &World, exported: &Exported) -> usize {
    let before = world.fate.calls.load(Ordering::SeqCst);
    assert_eq!(now(world.store.bring_over(exported, NOW)).unwrap(), Moved::Done);
    world.fate.calls.load(Ordering::SeqCst) - before
}

#[test]
fn what_was_just_read_is_not_read_again() {
    let (first, second) = (World::new(), World::new());
    let with_state = exported(&first);
    assert_eq!(calls(&first, &with_state), 4, "a copy, the mark, the landing, the removal");
    let stateless = Exported::of_id(second.key.plain(), with_state.handle, with_state.record).unwrap();
    assert_eq!(calls(&second, &stateless), 5);
    for world in [first, second] {
        assert_eq!(world.found(&world.key).unwrap().metadata, record().metadata);
        only_one_record_is_left(&world);
    }
}

#[test]
fn what_has_changed_since_it_was_read_moves_as_it_is() {
    let world = World::new();
    let exported = exported(&world);
    now(world.old.inner.apply(&world.key, &add("n"), &Guard::Exists, NOW)).unwrap();
    assert_eq!(now(world.store.bring_over(&exported, NOW)).unwrap(), Moved::Done);
    assert_eq!(world.n(&world.key), Some(1));
    only_one_record_is_left(&world);
    // And what has moved since is there.
    assert_eq!(now(world.store.bring_over(&exported, NOW)).unwrap(), Moved::Done);
    only_one_record_is_left(&world);
}

#[test]
fn what_was_just_rotated_waits_however_it_was_read() {
    let mut world = World::new();
    let (first, to) = (world.key.clone(), StoreKey::generate().unwrap());
    assert_eq!(word(&now(world.staying.rotate(&first, &to, &add("n"), &Guard::Exists, NOW)).unwrap()), "Done");
    world.key = to;
    let exported = exported(&world);
    assert_eq!(now(world.store.bring_over(&exported, NOW)).unwrap(), Moved::Later);
    assert_eq!(now(world.staying.bring_over(&exported, NOW + SUPERSEDED_FOR)).unwrap(), Moved::Later);
    assert_eq!(now(world.store.bring_over(&exported, NOW + SUPERSEDED_FOR)).unwrap(), Moved::Done);
    assert_eq!(world.n(&world.key), Some(1));
}

#[test]
fn a_write_is_kept_whoever_moves_and_whenever_it_was_read() {
    for moves in [true, false] {
        in_all_orders(
            |world| {
                let store = if moves { &world.store } else { &world.staying };
                vec![bring(world), write(store, world, Guard::Exists)]
            },
            |world, answers| {
                assert_eq!(answers, ["Done", "1"]);
                assert_eq!(world.n(&world.key), Some(1));
                only_one_record_is_left(world);
            },
        );
    }
}

#[test]
fn who_logs_out_while_it_is_moved_is_logged_out() {
    for moves in [true, false] {
        in_all_orders(
            |world| vec![bring(world), destroy(if moves { &world.store } else { &world.staying }, world)],
            |world, answers| {
                assert_eq!(answers[1], "true", "{answers:?}");
                nothing_is_left(world);
            },
        );
    }
}

#[test]
fn a_session_that_is_given_another_id_is_moved_once_or_waits() {
    let to = StoreKey::generate().unwrap();
    for moves in [true, false] {
        in_all_orders(
            |world| {
                let store = if moves { &world.store } else { &world.staying };
                vec![bring(world), rotate(store, &world.key, &to)]
            },
            |world, answers| {
                assert_eq!(answers[1], "Done", "{answers:?}");
                assert_eq!(world.found(&world.key), None);
                assert!(world.n(&to).is_some());
            },
        );
    }
}

#[test]
fn two_commands_and_a_log_out() {
    in_many_orders(
        |world| {
            vec![bring(world), bring(world), write(&world.store, world, Guard::Exists), destroy(&world.store, world)]
        },
        |world, answers| {
            assert_eq!(answers[3], "true", "{answers:?}");
            nothing_is_left(world);
        },
    );
}

#[test]
fn two_commands_move_it_once() {
    in_all_orders(
        |world| vec![bring(world), bring(world)],
        |world, answers| {
            assert_eq!(answers, ["Done", "Done"]);
            assert_eq!(world.n(&world.key), Some(0));
            only_one_record_is_left(world);
        },
    );
}
