//! What is decided, step by step.

mod closing;
mod size;
mod tickets;

use super::*;
use crate::store::KeyRules;
use std::time::Duration;

const NOW: Timestamp = Timestamp::from_millis(1_000_000);
const HOUR: Duration = Duration::from_secs(60 * 60);
const POLICY: Policy = Policy::new(HOUR, Duration::from_secs(24 * 60 * 60), 100);

fn record() -> Record {
    let mut record = POLICY.new_record(None, NOW);
    record.data = Arc::new([("n", Value::from(1))].into_iter().collect());
    record
}

fn found() -> State {
    found_as(record())
}

fn found_as(record: Record) -> State {
    let found = Found { record, token: Token::version(1), handle: Handle::new("handle") };
    State::found(POLICY, StoreKey::generate().unwrap(), found, false, NOW)
}

/// Does the step that is next, as a store would.
fn carry_out(state: &mut State, now: Timestamp) {
    let new_name = || (StoreKey::generate().unwrap(), Handle::new("handle"));
    match begin(state, now) {
        Step::Apply { intent, guard, .. } => state.done(&intent.patch, &guard, written(), None, now),
        Step::Rotate { intent, guard, .. } => state.done(&intent.patch, &guard, written(), Some(new_name()), now),
        step => panic!("no change: {step:?}"),
    }
}

fn begin(state: &mut State, now: Timestamp) -> Step {
    state.begin(&Own::Nothing, now).unwrap()
}

fn written() -> Written {
    Written { token: Token::version(2), numbers: Vec::new() }
}

#[test]
fn nothing_changed_is_nothing_to_do() {
    assert!(matches!(begin(&mut State::empty(POLICY, false), NOW), Step::Nothing));
    assert!(matches!(begin(&mut found(), NOW), Step::Nothing));
    let mut removed = State::empty(POLICY, false);
    removed.unset("a").unwrap();
    removed.clear().unwrap();
    assert!(matches!(begin(&mut removed, NOW), Step::Nothing), "there is nothing to remove from");
}

#[test]
fn a_touch_waits_for_its_interval_and_never_passes_the_absolute_end() {
    let mut state = found();
    assert!(matches!(begin(&mut state, NOW + Duration::from_secs(299)), Step::Nothing));
    let Step::Apply { intent, .. } = begin(&mut state, NOW + Duration::from_secs(300)) else { panic!("no touch") };
    assert!(!intent.patch.changes_data());
    assert_eq!(intent.patch.expiry, Expiry::AtLeast(NOW + HOUR + Duration::from_secs(300)));
    let late = NOW + Duration::from_secs(24 * 60 * 60 - 1);
    let Step::Apply { intent, .. } = begin(&mut found(), late) else { panic!("no touch") };
    assert_eq!(intent.patch.expiry, Expiry::AtLeast(NOW + 24 * HOUR));
}

#[test]
fn a_replacement_is_guarded_and_other_writes_are_not() {
    let own = Own::Replace { key: "n".into(), value: Value::from(2) };
    let Ok(Step::Apply { guard, .. }) = found().begin(&own, NOW) else { panic!("nothing to apply") };
    assert!(matches!(guard, Guard::Unchanged(token) if token == Token::version(1)));
    let own = Own::Add { key: "n".into(), by: 1 };
    let Ok(Step::Apply { guard, .. }) = found().begin(&own, NOW) else { panic!("nothing to apply") };
    assert!(matches!(guard, Guard::Exists));
}

#[test]
fn a_superseded_session_takes_a_log_in_and_nothing_else() {
    let mut state = State::empty(POLICY, true);
    assert!(matches!(begin(&mut state, NOW), Step::Nothing));
    state.set("a", Value::from(1)).unwrap();
    assert!(matches!(begin(&mut state, NOW), Step::Gone));
    state.log_in(UserId::new("ada").unwrap(), None).unwrap();
    assert!(matches!(begin(&mut state, NOW), Step::Create(record) if record.user.is_some()));
    let mut state = State::empty(POLICY, true);
    state.destroy().unwrap();
    assert!(matches!(begin(&mut state, NOW), Step::Gone), "it lives under its new id");
    state.set("a", Value::from(1)).unwrap();
    assert!(matches!(begin(&mut state, NOW), Step::Gone));
    state.log_in(UserId::new("ada").unwrap(), None).unwrap();
    assert!(matches!(begin(&mut state, NOW), Step::Create(_)));
}

#[test]
fn what_comes_while_a_write_is_under_way_waits_for_the_next() {
    let mut state = found();
    state.set("a", Value::from(1)).unwrap();
    let Step::Apply { intent, .. } = begin(&mut state, NOW) else { panic!("nothing to apply") };
    state.log_in(UserId::new("ada").unwrap(), None).unwrap();
    state.done(&intent.patch, &Guard::Exists, written(), None, NOW);
    assert!(matches!(begin(&mut state, NOW), Step::Rotate { .. }), "a log-in rotates, whatever was under way");
}

#[test]
fn what_is_destroyed_while_a_write_is_under_way_is_destroyed_under_its_new_id() {
    let (new_key, name) = (StoreKey::generate().unwrap(), Handle::new("handle"));
    let mut state = found();
    state.rotate().unwrap();
    let Step::Rotate { intent, .. } = begin(&mut state, NOW) else { panic!("no rotation") };
    state.destroy().unwrap();
    state.done(&intent.patch, &Guard::Exists, written(), Some((new_key.clone(), name.clone())), NOW);
    assert!(matches!(begin(&mut state, NOW), Step::Destroy(key) if key == new_key));
    let mut state = State::empty(POLICY, false);
    state.set("a", Value::from(1)).unwrap();
    let Step::Create(record) = begin(&mut state, NOW) else { panic!("no record") };
    state.destroy().unwrap();
    state.created(new_key.clone(), record, Token::version(1), name);
    assert_eq!(state.ticket_due(), TicketDue::None);
    assert!(matches!(begin(&mut state, NOW), Step::Destroy(key) if key == new_key));
}

#[test]
fn an_id_that_this_request_made_is_not_rotated_again() {
    let mut state = found();
    state.rotate().unwrap();
    let Step::Rotate { intent, .. } = begin(&mut state, NOW) else { panic!("no rotation") };
    state.done(
        &intent.patch,
        &Guard::Exists,
        written(),
        Some((StoreKey::generate().unwrap(), Handle::new("handle"))),
        NOW,
    );
    state.log_in(UserId::new("ada").unwrap(), None).unwrap();
    assert!(matches!(begin(&mut state, NOW), Step::Apply { .. }));
    assert_eq!(state.ticket_due(), TicketDue::Issue);
}

#[test]
fn a_number_is_told_also_if_the_patch_sets_it() {
    let own = Own::Add { key: "n".into(), by: 1 };
    let mut patch = Patch::default();
    patch.set("n", Value::from(5));
    own.add_to(&mut patch).unwrap();
    assert_eq!(own.number_in(&patch, &Vec::new()), Some(6));
}

#[test]
fn a_failed_change_that_carried_nothing_else_is_told_and_done_with() {
    let mut state = found();
    let own = Own::Add { key: "n".into(), by: 1 };
    assert!(matches!(state.begin(&own, NOW), Ok(Step::Apply { .. })));
    state.failed();
    state.set("a", Value::from(1)).unwrap();
    assert!(matches!(begin(&mut state, NOW), Step::Apply { .. }));
}

#[test]
fn after_a_failed_write_nothing_is_certain() {
    let mut state = found();
    state.set("a", Value::from(1)).unwrap();
    begin(&mut state, NOW);
    state.failed();
    assert_eq!(state.begin(&Own::Nothing, NOW).unwrap_err().kind(), Kind::Unknown);
    assert_eq!(state.set("a", Value::from(1)).unwrap_err().kind(), Kind::Unknown);
    assert_eq!(state.begin_closing(true, Some(NOW)), Closing::Write);
}

#[test]
fn a_touch_by_an_idle_time_of_its_own_is_guarded_and_by_the_usual_one_is_not() {
    let later = NOW + HOUR / 2;
    let mut own = record();
    own.lifetime.idle = Some(HOUR);
    let guards = |record: &Record, now| {
        let add = Own::Add { key: "n".into(), by: 1 };
        [Own::Nothing, add].map(|own| match found_as(record.clone()).begin(&own, now).unwrap() {
            Step::Apply { guard, .. } => Some(matches!(guard, Guard::Unchanged(_))),
            _ => None,
        })
    };
    assert_eq!(guards(&record(), later), [Some(false), Some(false)]);
    assert_eq!(guards(&own, later), [Some(true), Some(true)]);
    assert_eq!(guards(&own, NOW), [None, Some(false)], "it touches nothing");
}

#[test]
fn what_is_given_up_is_uncertain_only_if_there_was_something() {
    let mut state = found();
    state.given_up();
    state.set("a", Value::from(1)).unwrap();
    state.given_up();
    assert_eq!(state.set("b", Value::from(1)).unwrap_err().kind(), Kind::Unknown);
}

#[test]
fn the_session_of_a_user_that_is_to_be_destroyed_can_be_found_by_its_handle() {
    let ada = UserId::new("ada").unwrap();
    let mut anonymous = found();
    anonymous.destroy().unwrap();
    assert_eq!(anonymous.doomed_of_user(), None);
    let mut record = record();
    record.user = Some(ada.clone());
    let mut state = found_as(record);
    assert_eq!(state.doomed_of_user(), None, "nothing is to be destroyed");
    state.destroy().unwrap();
    assert_eq!(state.doomed_of_user(), Some((ada, Handle::new("handle"))));
}

#[test]
fn what_escaped_is_refused_until_somebody_logs_in() {
    let mut state = found();
    assert!(!state.is_refused());
    state.destroy().unwrap();
    state.escaped();
    assert!(state.is_refused());
    assert!(matches!(begin(&mut state, NOW), Step::Gone));
    assert_eq!(state.ticket_due(), TicketDue::None);
    state.log_in(UserId::new("ada").unwrap(), None).unwrap();
    assert!(!state.is_refused());
    assert!(matches!(begin(&mut state, NOW), Step::Create(_)));
}

#[test]
fn a_replacement_begins_anew_only_after_writes_whose_state_was_not_asked_for() {
    let mut state = found();
    assert!(!state.is_stale());
    state.begin(&Own::Replace { key: "n".into(), value: Value::from(2) }, NOW).unwrap();
    let mut patch = Patch::default();
    patch.set("n", Value::from(2));
    state.done(&patch, &Guard::Unchanged(Token::version(1)), written(), None, NOW);
    assert!(!state.is_stale());
    state.set("a", Value::from(1)).unwrap();
    carry_out(&mut state, NOW);
    assert!(state.is_stale());
    state.reloaded(Found { record: record(), token: Token::version(9), handle: Handle::new("handle") });
    assert!(!state.is_stale());
    assert_eq!(state.value("a").unwrap(), None, "somebody has removed it");
    let own = Own::Replace { key: "n".into(), value: Value::from(2) };
    let Ok(Step::Apply { guard, .. }) = state.begin(&own, NOW) else { panic!("nothing to apply") };
    assert!(matches!(guard, Guard::Unchanged(token) if token == Token::version(9)));
}

#[test]
fn a_number_is_told_as_the_store_has_it() {
    let own = Own::Add { key: "n".into(), by: 1 };
    let mut patch = Patch::default();
    own.add_to(&mut patch).unwrap();
    let numbers = vec![(Arc::from("m"), 3), (Arc::from("n"), 7)];
    assert_eq!(own.number_in(&patch, &numbers), Some(7));
    assert_eq!(Own::Nothing.number_in(&patch, &numbers), None);
}

#[test]
fn a_key_that_the_store_can_not_keep_is_refused_and_is_never_there() {
    static KEYS: KeyRules = KeyRules { reserved: &["cookie"], nul: false };
    let policy = Policy { keys: &KEYS, ..POLICY };
    let mut state = State::empty(policy, false);
    let kind = |result: Result<(), SessionError>| result.unwrap_err().kind();
    let inside = Value::from_json(r#"{"\u0000":1}"#).unwrap();
    assert_eq!(kind(state.set("cookie", Value::from(1))), Kind::KeyRefused);
    assert_eq!(kind(state.set("a\0", Value::from(1))), Kind::KeyRefused);
    assert_eq!(kind(state.set("a", inside)), Kind::KeyRefused);
    assert_eq!(kind(state.add("cookie", 1)), Kind::KeyRefused);
    assert_eq!(kind(state.adding("cookie", 1).map(drop)), Kind::KeyRefused);
    state.unset("cookie").unwrap();
    assert_eq!(state.begin_closing(true, Some(NOW)), Closing::Nothing, "nothing is left to write");
}
