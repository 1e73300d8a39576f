//! What is decided, step by step.

use super::*;
use std::time::Duration;

const NOW: Timestamp = Timestamp::from_millis(1_000_000);
const HOUR: Duration = Duration::from_secs(60 * 60);
const POLICY: Policy = Policy { idle: HOUR, absolute: Duration::from_secs(24 * 60 * 60), size_limit: 100 };

fn found() -> State {
    let mut record = POLICY.new_record(None, NOW);
    record.data = Arc::new([("n", Value::from(1))].into_iter().collect());
    let found = Found { record, token: Token::version(1), handle: Handle::new("handle") };
    State::found(POLICY, StoreKey::generate().unwrap(), found, false)
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
    state.log_in(UserId::new("ada").unwrap()).unwrap();
    assert!(matches!(begin(&mut state, NOW), Step::Create(record) if record.user.is_some()));
    let mut state = State::empty(POLICY, true);
    state.destroy().unwrap();
    assert!(matches!(begin(&mut state, NOW), Step::Gone), "it lives under its new id");
    state.set("a", Value::from(1)).unwrap();
    assert!(matches!(begin(&mut state, NOW), Step::Gone));
    state.log_in(UserId::new("ada").unwrap()).unwrap();
    assert!(matches!(begin(&mut state, NOW), Step::Create(_)));
}

#[test]
fn what_comes_while_a_write_is_under_way_waits_for_the_next() {
    let mut state = found();
    state.set("a", Value::from(1)).unwrap();
    let Step::Apply { intent, .. } = begin(&mut state, NOW) else { panic!("nothing to apply") };
    state.log_in(UserId::new("ada").unwrap()).unwrap();
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
    state.log_in(UserId::new("ada").unwrap()).unwrap();
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
fn a_second_destroy_forgets_no_removal() {
    let mut state = found();
    state.destroy().unwrap();
    state.destroyed(true);
    state.destroy().unwrap();
    assert_eq!(state.ticket_due(), TicketDue::Remove);
}

#[test]
fn a_ticket_is_issued_only_for_what_the_store_has_done() {
    let mut state = found();
    state.log_in(UserId::new("ada").unwrap()).unwrap();
    let Step::Rotate { intent, .. } = begin(&mut state, NOW) else { panic!("a log-in rotates") };
    assert_eq!(state.ticket_due(), TicketDue::None);
    state.not_done().unwrap();
    assert_eq!(state.ticket_due(), TicketDue::None);
    assert!(matches!(begin(&mut state, NOW), Step::Rotate { .. }), "it is still to be done");
    state.done(
        &intent.patch,
        &Guard::Exists,
        written(),
        Some((StoreKey::generate().unwrap(), Handle::new("handle"))),
        NOW,
    );
    assert_eq!(state.ticket_due(), TicketDue::Issue);
    assert!(matches!(begin(&mut state, NOW), Step::Nothing));
    let mut state = found();
    state.set("a", Value::from(1)).unwrap();
    let Step::Apply { intent, .. } = begin(&mut state, NOW) else { panic!("nothing to apply") };
    state.done(&intent.patch, &Guard::Exists, written(), None, NOW);
    assert_eq!(state.ticket_due(), TicketDue::None);
    assert_eq!(state.value("a").unwrap(), Some(Value::from(1)));
}

#[test]
fn a_ticket_is_taken_back_only_if_the_session_was_there() {
    for was_there in [true, false] {
        let mut state = found();
        state.destroy().unwrap();
        assert!(matches!(begin(&mut state, NOW), Step::Destroy(_)));
        state.destroyed(was_there);
        assert_eq!(state.ticket_due() == TicketDue::Remove, was_there);
    }
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
    assert!(state.begin_closing(NOW));
}
