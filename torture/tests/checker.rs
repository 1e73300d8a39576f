//! The checker on histories that were written by hand: what is right, and what is wrong, and what that is called.
#![allow(clippy::unwrap_used, reason = "these are tests")]

use std::time::Duration;

use cloakroom::Timestamp;
use cloakroom_torture::history::check::{Report, check_lives};
use cloakroom_torture::history::operation::{Kind, Life, Name, Operation};
use cloakroom_torture::history::plan::{ABSOLUTE, IDLE};
use cloakroom_torture::history::record::{Answer, Change, Datum, Loaded, Snapshot, Span, Write};
use cloakroom_torture::history::violation::Violation;

const A: Name = Name::Issued(0);
const B: Name = Name::Issued(1);
const START: Timestamp = Timestamp::from_millis(1_000_000);

/// An operation between two numbers, while the clock stands still.
fn at(start: u64, end: u64, kind: Kind) -> Operation {
    later(Duration::ZERO, start, end, kind)
}

/// The same when so much time has gone by.
fn later(time: Duration, start: u64, end: u64, kind: Kind) -> Operation {
    let now = START + time;
    let exchange = usize::try_from(start).unwrap();
    Operation { span: Span { start, end, from: now, to: now }, exchange, kind }
}

fn set(key: &str, value: &str) -> Change {
    Change::Set(key.to_owned(), value.to_owned())
}

fn add() -> Change {
    Change::Add("n".to_owned(), 1)
}

fn number(number: i64) -> Answer {
    Answer::Done(Some(Datum::Number(number)))
}

fn create(changes: &[Change]) -> Kind {
    let write = Write { changes: changes.to_vec(), ..Write::default() };
    Kind::Create { name: A, write, answer: Answer::Done(None) }
}

fn write(name: Name, changes: &[Change], answer: Answer) -> Kind {
    let write = Write { lives: true, changes: changes.to_vec(), ..Write::default() };
    Kind::Write { name, to: None, write, answer }
}

fn rotate(name: Name, to: Name, answer: Answer) -> Kind {
    let write = Write { lives: true, rotates: true, ..Write::default() };
    Kind::Write { name, to: Some(to), write, answer }
}

fn done(name: Name, changes: &[Change]) -> Kind {
    write(name, changes, Answer::Done(None))
}

fn finds(name: Name, data: &[(&str, &str)]) -> Kind {
    let datum = |text: &str| text.parse().map_or_else(|_| Datum::Text(text.to_owned()), Datum::Number);
    let data = data.iter().map(|(key, value)| ((*key).to_owned(), datum(value))).collect();
    Kind::Load(name, Loaded::Found(Snapshot { data, user: None, handle: "h".to_owned() }))
}

fn finds_nothing(name: Name) -> Kind {
    Kind::Load(name, Loaded::Empty)
}

fn violation(lives: &[Life]) -> Option<Violation> {
    let mut report = Report::default();
    let violation = check_lives(lives, &mut report).err().map(|finding| finding.violation);
    assert_eq!(report.undecided, 0);
    violation
}

fn fine(life: Life) {
    assert_eq!(violation(&[life]), None);
}

fn wrong(life: Life, name: Violation) {
    assert_eq!(violation(&[life]), Some(name));
}

#[test]
fn one_after_the_other() {
    fine(vec![
        at(0, 1, create(&[set("t", "a")])),
        at(2, 3, finds(A, &[("t", "a")])),
        at(4, 5, done(A, &[set("t", "b"), add()])),
        at(6, 7, finds(A, &[("t", "b"), ("n", "1")])),
        at(8, 9, done(A, &[Change::Clear, add()])),
        at(10, 11, finds(A, &[("n", "1")])),
    ]);
}

#[test]
fn those_at_the_same_time_have_any_order() {
    for last in ["b", "c"] {
        fine(vec![
            at(0, 1, create(&[set("t", "a")])),
            at(2, 5, done(A, &[set("t", "b")])),
            at(3, 4, done(A, &[set("t", "c")])),
            at(6, 7, finds(A, &[("t", last)])),
        ]);
    }
}

#[test]
fn an_order_that_readers_do_not_agree_on() {
    let life = vec![
        at(0, 1, create(&[set("t", "a")])),
        at(2, 5, done(A, &[set("t", "b")])),
        at(3, 4, done(A, &[set("t", "c")])),
        at(6, 7, finds(A, &[("t", "b")])),
        at(8, 9, finds(A, &[("t", "c")])),
    ];
    assert!(violation(&[life]).is_some());
}

#[test]
fn a_write_is_seen_while_it_is_under_way_but_not_by_turns() {
    let life = |first: &str, second: &str| {
        vec![
            at(0, 1, create(&[set("t", "a")])),
            at(2, 9, done(A, &[set("t", "b")])),
            at(3, 4, finds(A, &[("t", first)])),
            at(5, 6, finds(A, &[("t", second)])),
        ]
    };
    fine(life("a", "b"));
    fine(life("b", "b"));
    assert!(violation(&[life("b", "a")]).is_some());
}

#[test]
fn a_write_that_is_not_there() {
    let life = |last: &str| {
        vec![
            at(0, 1, create(&[set("t", "a")])),
            at(2, 3, done(A, &[set("t", "b")])),
            at(4, 5, finds(A, &[("t", "a")])),
            at(6, 7, finds(A, &[("t", last)])),
        ]
    };
    wrong(life("a"), Violation::LostWrite);
    wrong(life("b"), Violation::StaleRead);
}

#[test]
fn keys_of_one_write_are_seen_together() {
    wrong(
        vec![
            at(0, 1, create(&[set("t", "a"), set("t2", "b")])),
            at(2, 9, done(A, &[set("t", "c"), set("t2", "d")])),
            at(3, 4, finds(A, &[("t", "c"), ("t2", "b")])),
        ],
        Violation::LostWrite,
    );
}

#[test]
fn numbers_are_told_once() {
    let life = |first, second, sum| {
        vec![
            at(0, 1, create(&[add()])),
            at(2, 5, write(A, &[add()], number(first))),
            at(3, 4, write(A, &[add()], number(second))),
            at(6, 7, finds(A, &[("n", sum)])),
        ]
    };
    fine(life(2, 3, "3"));
    fine(life(3, 2, "3"));
    wrong(life(2, 2, "2"), Violation::LostUpdate);
    wrong(life(2, 3, "2"), Violation::LostUpdate);
}

#[test]
fn what_has_no_answer_may_be_done_or_not_and_late() {
    for sum in ["1", "2"] {
        fine(vec![
            at(0, 1, create(&[add()])),
            at(2, 3, write(A, &[add()], Answer::Unknown)),
            at(4, 5, finds(A, &[("n", "1")])),
            at(6, 7, finds(A, &[("n", sum)])),
        ]);
    }
    wrong(
        vec![
            at(0, 1, create(&[add()])),
            at(2, 3, write(A, &[add()], Answer::Unknown)),
            at(4, 5, finds(A, &[("n", "3")])),
        ],
        Violation::LostUpdate,
    );
}

#[test]
fn what_was_refused_is_not_done() {
    let refused = || write(A, &[set("t", "b")], Answer::Refused);
    fine(vec![
        at(0, 1, create(&[set("t", "a")])),
        at(2, 5, Kind::End { name: A, user: None, answer: Answer::Done(None) }),
        at(3, 4, refused()),
        at(6, 7, finds_nothing(A)),
    ]);
    let life = vec![at(0, 1, create(&[set("t", "a")])), at(2, 3, refused()), at(4, 5, finds(A, &[("t", "b")]))];
    wrong(life, Violation::PhantomWrite);
    let life = vec![at(0, 1, create(&[set("t", "a")])), at(2, 3, refused()), at(4, 5, finds(A, &[("t", "a")]))];
    wrong(life, Violation::LiveSessionLost);
}

#[test]
fn the_dead_stay_dead() {
    let life = |after: Kind| {
        vec![
            at(0, 1, create(&[set("t", "a")])),
            at(2, 3, Kind::End { name: A, user: None, answer: Answer::Done(None) }),
            at(4, 5, after),
            at(6, 7, finds_nothing(A)),
        ]
    };
    fine(life(finds_nothing(A)));
    fine(life(write(A, &[set("t", "b")], Answer::Refused)));
    wrong(life(finds(A, &[("t", "a")])), Violation::Resurrection);
    wrong(life(done(A, &[set("t", "b")])), Violation::Resurrection);
}

#[test]
fn one_id_at_a_time() {
    let life = |after: Kind| {
        vec![
            at(0, 1, create(&[set("t", "a")])),
            at(2, 3, rotate(A, B, Answer::Done(None))),
            at(4, 5, finds(B, &[("t", "a")])),
            at(6, 7, after),
        ]
    };
    fine(life(finds_nothing(A)));
    wrong(life(finds(A, &[("t", "a")])), Violation::OldIdAlive);
    wrong(life(done(A, &[set("t", "b")])), Violation::OldIdAlive);
    wrong(life(Kind::End { name: A, user: None, answer: Answer::Done(None) }), Violation::LogOutIgnored);
    fine(life(Kind::End { name: A, user: None, answer: Answer::Refused }));
}

#[test]
fn a_rotation_without_an_answer() {
    for after in [finds(A, &[("t", "a")]), finds_nothing(A)] {
        fine(vec![
            at(0, 1, create(&[set("t", "a")])),
            at(2, 3, rotate(A, Name::Hidden(2, 1), Answer::Unknown)),
            at(4, 5, after),
        ]);
    }
    wrong(
        vec![
            at(0, 1, create(&[set("t", "a")])),
            at(2, 3, rotate(A, Name::Hidden(2, 1), Answer::Unknown)),
            at(4, 5, finds_nothing(A)),
            at(6, 7, finds(A, &[("t", "a")])),
        ],
        Violation::OldIdAlive,
    );
}

#[test]
fn a_revocation_ends_the_sessions_of_its_user() {
    let log_in = Write { lives: true, rotates: true, user: Some("ada".to_owned()), ..Write::default() };
    let life = |user: &str, told, after: Kind| {
        let user = user.to_owned();
        vec![
            at(0, 1, create(&[set("t", "a")])),
            at(2, 3, Kind::Write { name: A, to: Some(B), write: log_in.clone(), answer: Answer::Done(None) }),
            at(4, 5, Kind::Revoke { user, told, unknown: false }),
            at(6, 7, after),
        ]
    };
    fine(life("ada", Some(true), finds_nothing(B)));
    fine(life("ada", None, finds_nothing(B)));
    wrong(life("ada", None, done(B, &[add()])), Violation::Resurrection);
    wrong(life("bob", None, finds_nothing(B)), Violation::LiveSessionLost);
    wrong(life("ada", Some(false), finds_nothing(B)), Violation::WrongRevocation);
    wrong(life("bob", Some(true), finds_nothing(B)), Violation::WrongRevocation);
}

#[test]
fn expiry_to_the_moment() {
    let moment = Duration::from_millis(1);
    let found = || finds(A, &[("t", "a")]);
    let life = |time, kind| vec![at(0, 1, create(&[set("t", "a")])), later(time, 2, 3, kind)];
    fine(life(IDLE - moment, found()));
    fine(life(IDLE, finds_nothing(A)));
    wrong(life(IDLE, found()), Violation::ExpiredServed);
    wrong(life(IDLE, done(A, &[add()])), Violation::ExpiredServed);
    wrong(life(IDLE - moment, finds_nothing(A)), Violation::LiveSessionLost);
}

#[test]
fn touches_put_off_the_idle_end_and_not_the_absolute_one() {
    let touch = |time, number| later(time, number, number + 1, Kind::Touch { name: A, certain: true });
    let mut life = vec![at(0, 1, create(&[set("t", "a")]))];
    let mut time = Duration::ZERO;
    for number in 1..8 {
        time += IDLE / 2;
        life.push(touch(time, number * 2));
    }
    let after = |time, kind| {
        let mut life = life.clone();
        life.push(later(time, 100, 101, kind));
        life
    };
    wrong(after(time + IDLE / 2, finds_nothing(A)), Violation::LiveSessionLost);
    wrong(after(time + IDLE, finds(A, &[("t", "a")])), Violation::ExpiredServed);
    let mut busy = life.clone();
    busy.extend((8..12).map(|number| touch(IDLE / 2 * u32::try_from(number).unwrap(), number * 2)));
    busy.push(later(ABSOLUTE, 100, 101, finds(A, &[("t", "a")])));
    wrong(busy, Violation::ExpiredServed);
}

#[test]
fn sessions_are_kept_apart() {
    let other = Kind::Create {
        name: B,
        write: Write { changes: vec![set("t", "b")], ..Write::default() },
        answer: Answer::Done(None),
    };
    let one = vec![at(0, 1, create(&[set("t", "a")])), at(4, 5, finds(A, &[("t", "b")]))];
    assert_eq!(violation(&[one, vec![at(2, 3, other)]]), Some(Violation::ForeignRead));
    let never = vec![at(0, 1, create(&[set("t", "a")])), at(4, 5, finds(A, &[("t", "z")]))];
    assert_eq!(violation(&[never]), Some(Violation::PhantomWrite));
}
