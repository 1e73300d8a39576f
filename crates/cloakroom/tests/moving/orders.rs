//! Several at once on one session of the old store: in every order of their calls, what was answered is true.

use std::collections::VecDeque;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::{Context, Poll, Waker};

use cloakroom::record::StoreKey;
use cloakroom::store::{Applied, Directory, Guard, Loaded, MovingStore, Store};

use super::support::{NOW, World, add, now, user, word};

pub(super) type Task = Pin<Box<dyn Future<Output = String>>>;

/// How often a task that could go on has to wait for another. What takes more than that is left to chance.
const INTERRUPTIONS: usize = 4;

/// How many orders are drawn beside those.
const DRAWN: u64 = 500;

/// An order of turns. The next one differs in the last turn that can be another's.
#[derive(Default)]
struct Order {
    turns: Vec<(usize, usize)>,
    at: usize,
}

impl Order {
    /// Whose turn it is: the first one goes on, unless it is interrupted.
    fn choose(&mut self, of: usize) -> usize {
        if self.at == self.turns.len() {
            let interrupted = self.turns.iter().filter(|(chosen, _)| *chosen > 0).count();
            self.turns.push((0, if interrupted < INTERRUPTIONS { of } else { 1 }));
        }
        self.at += 1;
        self.turns[self.at - 1].0
    }

    fn next(mut self) -> Option<Order> {
        while let Some((chosen, of)) = self.turns.pop() {
            if chosen + 1 < of {
                self.turns.push((chosen + 1, of));
                self.at = 0;
                return Some(self);
            }
        }
        None
    }
}

/// Draws turns by a seed, for where there are too many orders.
struct Dice(u64);

impl Dice {
    fn choose(&mut self, of: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % of
    }
}

/// Runs tasks to their end, and gives their answers. Each poll is one call of a store.
fn run(world: &World, tasks: Vec<Task>, mut choose: impl FnMut(usize) -> usize) -> Vec<String> {
    world.fate.waits.store(true, Ordering::SeqCst);
    let mut answers = vec![String::new(); tasks.len()];
    let mut running: VecDeque<_> = tasks.into_iter().enumerate().collect();
    while !running.is_empty() {
        let next = if running.len() == 1 { 0 } else { choose(running.len()) };
        running.rotate_left(next);
        let (number, task) = &mut running[0];
        if let Poll::Ready(answer) = task.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
            answers[*number] = answer;
            drop(running.pop_front());
        }
    }
    world.fate.waits.store(false, Ordering::SeqCst);
    answers
}

/// All orders with few interruptions, and some that are drawn.
pub(super) fn in_all_orders(tasks: impl Fn(&World) -> Vec<Task>, check: impl Fn(&World, &[String])) {
    let (mut next, mut count) = (Some(Order::default()), 0);
    while let Some(mut order) = next {
        let world = World::new();
        check(&world, &run(&world, tasks(&world), |of| order.choose(of)));
        count += 1;
        next = order.next();
    }
    assert!(count > 40, "{count} orders only");
    in_drawn_orders(DRAWN, tasks, check);
}

/// For more than two, who have too many orders.
pub(super) fn in_many_orders(tasks: impl Fn(&World) -> Vec<Task>, check: impl Fn(&World, &[String])) {
    in_drawn_orders(DRAWN * 10, tasks, check);
}

fn in_drawn_orders(count: u64, tasks: impl Fn(&World) -> Vec<Task>, check: impl Fn(&World, &[String])) {
    for seed in 0..count {
        let (world, mut dice) = (World::new(), Dice(seed));
        // Where the same one mostly goes on, the others stand still for long.
        let steadiness = dice.choose(10);
        let turn = |of| if dice.choose(10) < steadiness { 0 } else { dice.choose(of) };
        check(&world, &run(&world, tasks(&world), turn));
    }
}

pub(super) fn write(store: &Arc<MovingStore>, world: &World, guard: Guard) -> Task {
    let (store, key) = (store.clone(), world.key.clone());
    Box::pin(async move {
        match store.apply(&key, &add("n"), &guard, NOW).await.unwrap() {
            Applied::Done(written) => format!("{}", written.numbers[0].1),
            other => word(&other),
        }
    })
}

pub(super) fn rotate(store: &Arc<MovingStore>, from: &StoreKey, to: &StoreKey) -> Task {
    let (store, from, to) = (store.clone(), from.clone(), to.clone());
    Box::pin(async move { word(&store.rotate(&from, &to, &add("n"), &Guard::Exists, NOW).await.unwrap()) })
}

pub(super) fn destroy(store: &Arc<MovingStore>, world: &World) -> Task {
    let (store, key, reader) = (store.clone(), world.key.clone(), world.store.clone());
    Box::pin(async move {
        let was_there = store.destroy(&key, NOW).await.unwrap();
        // From its answer on, nobody finds it, whatever is still under way.
        for _ in 0..2 {
            let loaded = reader.load(&key, NOW).await.unwrap();
            assert!(!matches!(loaded, Loaded::Found(_)), "it lives on");
        }
        was_there.to_string()
    })
}

fn plain_destroy(world: &World) -> Task {
    let (store, key) = (world.store.clone(), world.key.clone());
    Box::pin(async move { store.destroy(&key, NOW).await.unwrap().to_string() })
}

fn read(store: &Arc<MovingStore>, world: &World) -> Task {
    let (store, key) = (store.clone(), world.key.clone());
    Box::pin(async move { word(&store.load(&key, NOW).await.unwrap()) })
}

/// How many writes were done; and that their numbers are those of a count.
fn done(answers: &[String]) -> usize {
    let mut numbers: Vec<usize> = answers.iter().filter_map(|answer| answer.parse().ok()).collect();
    numbers.sort_unstable();
    assert_eq!(numbers, (1..=numbers.len()).collect::<Vec<_>>(), "{answers:?}");
    numbers.len()
}

pub(super) fn only_one_record_is_left(world: &World) {
    assert_eq!((world.old.inner.stats().sessions, world.new.inner.stats().sessions), (0, 1));
}

pub(super) fn nothing_is_left(world: &World) {
    assert_eq!((world.old.inner.stats().sessions, world.new.inner.stats().sessions), (0, 0));
}

#[test]
fn two_writes_that_both_move_are_both_kept() {
    in_all_orders(
        |world| vec![write(&world.store, world, Guard::Exists), write(&world.store, world, Guard::Exists)],
        |world, answers| {
            assert_eq!(done(answers), 2);
            assert_eq!(world.n(&world.key), Some(2));
            only_one_record_is_left(world);
        },
    );
}

#[test]
fn three_writes_are_all_kept() {
    in_many_orders(
        |world| (0..3).map(|_| write(&world.store, world, Guard::Exists)).collect(),
        |world, answers| {
            assert_eq!(done(answers), 3);
            assert_eq!(world.n(&world.key), Some(3));
            only_one_record_is_left(world);
        },
    );
}

#[test]
fn of_two_guarded_writes_with_one_token_one_is_done() {
    in_all_orders(
        |world| {
            let guard = world.guard();
            vec![write(&world.store, world, guard.clone()), write(&world.store, world, guard)]
        },
        |world, answers| {
            // One may be told of a conflict that the other one's move has made, but not both.
            assert_eq!(done(answers), 1, "{answers:?}");
            assert!(answers.contains(&"Conflict".to_owned()));
            assert_eq!(world.n(&world.key), Some(1));
            only_one_record_is_left(world);
        },
    );
}

/// Not even by who does not move, and finds nothing where the session was.
#[test]
fn a_guarded_write_is_never_told_that_a_session_is_gone_which_moves() {
    for guarded_rotation in [false, true] {
        in_all_orders(
            |world| {
                let (guard, key, store) = (world.guard(), world.key.clone(), world.staying.clone());
                let guarded = match guarded_rotation {
                    false => write(&store, world, guard),
                    true => Box::pin(async move {
                        let to = StoreKey::generate().unwrap();
                        word(&store.rotate(&key, &to, &add("n"), &guard, NOW).await.unwrap())
                    }),
                };
                vec![write(&world.store, world, Guard::Exists), guarded]
            },
            |_, answers| assert_ne!(answers[1], "Gone", "{answers:?}"),
        );
    }
}

#[test]
fn a_write_that_moves_and_a_log_out() {
    in_all_orders(
        |world| vec![write(&world.store, world, Guard::Exists), destroy(&world.store, world)],
        |world, answers| {
            assert!(["1", "Gone"].contains(&answers[0].as_str()) && answers[1] == "true", "{answers:?}");
            assert_eq!(world.found(&world.key), None);
            nothing_is_left(world);
        },
    );
}

#[test]
fn a_write_that_moves_and_a_log_out_by_who_does_not_move() {
    in_all_orders(
        |world| vec![write(&world.store, world, Guard::Exists), destroy(&world.staying, world)],
        |world, answers| {
            assert!(["1", "Gone"].contains(&answers[0].as_str()) && answers[1] == "true", "{answers:?}");
            nothing_is_left(world);
        },
    );
}

#[test]
fn two_log_outs_and_a_write_that_moves() {
    in_many_orders(
        |world| {
            vec![write(&world.store, world, Guard::Exists), destroy(&world.store, world), destroy(&world.store, world)]
        },
        |world, answers| {
            let ended = answers[1..].iter().filter(|answer| *answer == "true").count();
            assert_eq!(ended, 1, "{answers:?}");
            nothing_is_left(world);
        },
    );
}

#[test]
fn three_that_move_and_a_log_out() {
    in_many_orders(
        |world| {
            vec![
                write(&world.store, world, Guard::Exists),
                write(&world.store, world, Guard::Exists),
                rotate(&world.store, &world.key, &world.key),
                destroy(&world.store, world),
            ]
        },
        |world, answers| {
            done(answers);
            assert_eq!(answers[3], "true");
            nothing_is_left(world);
        },
    );
}

#[test]
fn a_write_that_moves_and_a_rotation() {
    let to = StoreKey::generate().unwrap();
    in_all_orders(
        |world| vec![write(&world.store, world, Guard::Exists), rotate(&world.store, &world.key, &to)],
        |world, answers| {
            let wanted = if answers[0] == "Gone" { 1 } else { 2 };
            assert_eq!(answers[1], "Done");
            assert_eq!((world.n(&to), world.n(&world.key)), (Some(wanted), None));
            only_one_record_is_left(world);
        },
    );
}

#[test]
fn of_two_rotations_one_is_done() {
    let keys = [StoreKey::generate().unwrap(), StoreKey::generate().unwrap()];
    for moving in [true, false] {
        in_all_orders(
            |world| {
                let other = if moving { &world.store } else { &world.staying };
                vec![rotate(&world.store, &world.key, &keys[0]), rotate(other, &world.key, &keys[1])]
            },
            |world, answers| {
                let lives = keys.each_ref().map(|key| world.n(key) == Some(1));
                assert_eq!(answers.iter().map(|answer| answer == "Done").collect::<Vec<_>>(), lives);
                assert_eq!(lives.iter().filter(|lives| **lives).count(), 1);
                assert_eq!(world.found(&world.key), None);
            },
        );
    }
}

#[test]
fn a_rotation_that_moves_and_a_log_out() {
    let to = StoreKey::generate().unwrap();
    in_all_orders(
        |world| vec![rotate(&world.store, &world.key, &to), destroy(&world.store, world)],
        |world, answers| {
            let lives = world.found(&to).is_some();
            assert_eq!([answers[0] == "Done", answers[1] == "false"], [lives, lives]);
            assert_eq!(world.found(&world.key), None);
        },
    );
}

#[test]
fn a_write_where_it_is_and_one_that_moves_are_both_kept() {
    in_all_orders(
        |world| vec![write(&world.store, world, Guard::Exists), write(&world.staying, world, Guard::Exists)],
        |world, answers| {
            assert_eq!(done(answers), 2);
            assert_eq!(world.n(&world.key), Some(2));
            only_one_record_is_left(world);
        },
    );
}

#[test]
fn a_session_that_moves_is_there_for_every_reader() {
    for moving in [true, false] {
        in_all_orders(
            |world| {
                let reader = if moving { &world.store } else { &world.staying };
                vec![write(&world.store, world, Guard::Exists), read(reader, world)]
            },
            |world, answers| {
                assert_eq!(answers, ["1", "Found"]);
                only_one_record_is_left(world);
            },
        );
    }
}

#[test]
fn a_reader_and_a_writer_and_a_log_out() {
    in_many_orders(
        |world| {
            vec![
                write(&world.store, world, Guard::Exists),
                read(&world.store, world),
                read(&world.staying, world),
                plain_destroy(world),
            ]
        },
        |world, answers| {
            assert_eq!(answers[3], "true");
            nothing_is_left(world);
        },
    );
}

/// A session that is written by a program that knows the old store alone, at any moment.
#[test]
fn what_a_stranger_writes_before_the_mark_is_kept_and_none_comes_back() {
    in_all_orders(
        |world| {
            let (old, key) = (world.old.clone(), world.key.clone());
            let stranger: Task = Box::pin(async move {
                let is_marked = async || match old.load(&key, NOW).await.unwrap() {
                    Loaded::Found(found) => found.record.metadata.get("cloakroom moved to").is_some(),
                    _ => true,
                };
                let applied = old.inner.apply(&key, &add("n"), &Guard::Exists, NOW).await.unwrap();
                let kept = !is_marked().await;
                format!("{}{}", word(&applied), if kept { " in time" } else { "" })
            });
            vec![write(&world.store, world, Guard::Exists), stranger]
        },
        |world, answers| {
            let n = world.n(&world.key).unwrap();
            if answers[1] == "Done in time" {
                assert_eq!((answers[0].as_str(), n), ("2", 2), "{answers:?}");
            }
            assert!((1..=2).contains(&n));
            only_one_record_is_left(world);
        },
    );
}

#[test]
fn a_session_that_moves_is_listed_once() {
    in_all_orders(
        |world| {
            let store = world.store.clone();
            let list: Task = Box::pin(async move { store.list(&user(), NOW).await.unwrap().len().to_string() });
            vec![write(&world.store, world, Guard::Exists), list]
        },
        |_, answers| assert_eq!(answers, ["1", "1"]),
    );
}

#[test]
fn a_session_that_moves_is_revoked() {
    for by_handle in [true, false] {
        in_all_orders(
            |world| {
                let (store, key) = (world.store.clone(), world.key.clone());
                let Loaded::Found(found) = now(world.store.load(&key, NOW)).unwrap() else { panic!("it is away") };
                let revoke: Task = Box::pin(async move {
                    let ended = if by_handle {
                        u64::from(store.revoke(&user(), &found.handle, NOW).await.unwrap())
                    } else {
                        store.revoke_all(&user(), None, NOW).await.unwrap()
                    };
                    let loaded = store.load(&key, NOW).await.unwrap();
                    assert!(matches!(loaded, Loaded::Missing), "it lives on");
                    ended.to_string()
                });
                vec![write(&world.store, world, Guard::Exists), revoke]
            },
            |world, answers| {
                assert_eq!(answers[1], "1", "{answers:?}");
                assert_eq!(world.found(&world.key), None);
                nothing_is_left(world);
            },
        );
    }
}

#[test]
fn a_session_that_moves_is_spared_by_its_old_handle() {
    in_all_orders(
        |world| {
            let (store, key) = (world.store.clone(), world.key.clone());
            let other = StoreKey::generate().unwrap();
            world.seed(&other);
            let Loaded::Found(found) = now(world.store.load(&key, NOW)).unwrap() else { panic!("it is away") };
            let revoke: Task = Box::pin(async move {
                let ended = store.revoke_all(&user(), Some(&found.handle), NOW).await.unwrap();
                assert!(matches!(store.load(&other, NOW).await.unwrap(), Loaded::Missing));
                ended.to_string()
            });
            vec![write(&world.store, world, Guard::Exists), revoke]
        },
        |world, answers| {
            assert_eq!(answers, ["1", "1"]);
            assert_eq!(world.n(&world.key), Some(1));
        },
    );
}

#[test]
fn a_rotation_that_moves_shows_one_key_at_a_time() {
    let to = StoreKey::generate().unwrap();
    in_all_orders(
        |world| {
            let (store, old, new) = (world.store.clone(), world.key.clone(), to.clone());
            let look: Task = Box::pin(async move {
                let first = store.load(&old, NOW).await.unwrap();
                let second = store.load(&new, NOW).await.unwrap();
                // Once the old key does not find it, the new one does; and then the old one never again.
                assert!(matches!(first, Loaded::Found(_)) || matches!(second, Loaded::Found(_)));
                if matches!(second, Loaded::Found(_)) {
                    assert!(matches!(store.load(&old, NOW).await.unwrap(), Loaded::Superseded));
                }
                String::new()
            });
            vec![rotate(&world.store, &world.key, &to), look]
        },
        |world, answers| {
            assert_eq!(answers[0], "Done");
            only_one_record_is_left(world);
        },
    );
}
