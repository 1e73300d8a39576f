//! What the end of a request asks for, and what it leaves possible.

use super::*;

#[test]
fn a_request_that_has_nothing_to_say_needs_no_commit() {
    assert_eq!(found().begin_closing(true, Some(NOW)), Closing::Nothing);
    assert_eq!(State::empty(POLICY, false).begin_closing(true, Some(NOW)), Closing::Nothing);
    assert_eq!(State::empty(POLICY, true).begin_closing(true, Some(NOW)), Closing::Nothing);
    assert_eq!(State::read_only(POLICY).begin_closing(true, Some(NOW)), Closing::Nothing);
    let mut state = found();
    state.begin_closing(true, Some(NOW));
    assert_eq!(state.set("a", Value::from(1)).unwrap_err().kind(), Kind::Closed);
    let mut written = found();
    written.set("a", Value::from(1)).unwrap();
    carry_out(&mut written, NOW);
    assert_eq!(
        written.begin_closing(true, Some(NOW)),
        Closing::Nothing,
        "all is written, and the browser knows the id"
    );
}

#[test]
fn data_that_nobody_is_left_to_read_is_shared_no_more_when_the_store_changes_it() {
    for is_read in [true, false] {
        let stored = record();
        let mut state = found_as(stored.clone());
        state.set("a", Value::from(1)).unwrap();
        assert_eq!(state.begin_closing(is_read, Some(NOW)), Closing::Write);
        assert_eq!(Arc::strong_count(&stored.data) > 1, is_read);
        let step = begin(&mut state, NOW);
        assert!(matches!(&step, Step::Apply { intent, .. } if intent.patch.changes().len() == 1), "{step:?}");
        let Step::Apply { intent, guard, .. } = step else { return };
        state.done(&intent.patch, &guard, written(), None, NOW);
        assert_eq!(state.ticket_due(), TicketDue::None);
    }
}

#[test]
fn each_thing_to_write_is_reason_for_a_commit_and_what_is_only_to_be_said_is_not() {
    let mut pending = found();
    pending.set("a", Value::from(1)).unwrap();
    assert_eq!(pending.begin_closing(true, Some(NOW)), Closing::Write);
    let mut under_way = found();
    under_way.set("a", Value::from(1)).unwrap();
    begin(&mut under_way, NOW);
    assert_eq!(under_way.begin_closing(true, Some(NOW)), Closing::Write, "who asked for the write may not wait for it");
    let mut doomed = found();
    doomed.destroy().unwrap();
    assert_eq!(doomed.begin_closing(true, Some(NOW)), Closing::Write);
    let mut refused = State::empty(POLICY, true);
    refused.destroy().unwrap();
    assert_eq!(refused.begin_closing(true, Some(NOW)), Closing::Write);
    let mut rotated = found();
    rotated.rotate().unwrap();
    carry_out(&mut rotated, NOW);
    assert_eq!(rotated.begin_closing(true, Some(NOW)), Closing::Ticket, "the browser is to learn of the new id");
    let mut destroyed = found();
    destroyed.destroy().unwrap();
    destroyed.destroyed(true);
    assert_eq!(destroyed.begin_closing(true, Some(NOW)), Closing::Ticket, "the ticket is to be taken back");
    let mut logged_out = State::empty(POLICY, false);
    logged_out.destroy().unwrap();
    assert_eq!(logged_out.begin_closing(true, Some(NOW)), Closing::Ticket, "the browser may be told to clear its data");
    for mut state in [pending, under_way, doomed, refused, rotated, destroyed, logged_out] {
        assert_eq!(state.set("a", Value::from(1)).unwrap_err().kind(), Kind::Closed);
    }
}

#[test]
fn a_touch_that_is_due_is_reason_for_a_commit_until_it_is_written_or_left_to_others() {
    let later = NOW + HOUR / 2;
    assert_eq!(found().begin_closing(true, Some(later)), Closing::Write);
    let found_at = |now| {
        let found = Found { record: record(), token: Token::version(1), handle: Handle::new("handle") };
        State::found(POLICY, StoreKey::generate().unwrap(), found, false, now)
    };
    assert_eq!(found_at(later).begin_closing(true, None), Closing::Write, "no time has passed since");
    assert_eq!(found_at(NOW).begin_closing(true, None), Closing::Nothing);
    let mut written = found();
    written.set("a", Value::from(1)).unwrap();
    carry_out(&mut written, later);
    assert_eq!(written.begin_closing(true, Some(later)), Closing::Nothing, "the write has touched as well");
    let mut left = found();
    left.touch_no_more();
    assert!(matches!(begin(&mut left, later), Step::Nothing));
    assert_eq!(left.begin_closing(true, Some(later)), Closing::Nothing);
}

#[test]
fn what_the_end_of_the_request_finds_uncertain_or_read_only_stays_so() {
    let mut failed = found();
    failed.set("a", Value::from(1)).unwrap();
    begin(&mut failed, NOW);
    failed.failed();
    let mut read_only = State::read_only(POLICY);
    assert!(read_only.is_read_only() && !failed.is_read_only() && !found().is_read_only());
    for (state, kind) in [(&mut failed, Kind::Unknown), (&mut read_only, Kind::ReadOnly)] {
        state.begin_closing(true, Some(NOW));
        assert_eq!(state.set("a", Value::from(1)).unwrap_err().kind(), kind);
        state.close();
        assert_eq!(state.set("a", Value::from(1)).unwrap_err().kind(), kind);
    }
}

#[test]
fn a_closed_session_writes_nothing_that_was_left_behind() {
    let mut state = found();
    state.set("a", Value::from(1)).unwrap();
    state.close();
    assert_eq!(state.set("b", Value::from(1)).unwrap_err().kind(), Kind::Closed);
    assert!(matches!(begin(&mut state, NOW), Step::Nothing));
    let mut state = found();
    state.destroy().unwrap();
    state.close();
    assert!(matches!(begin(&mut state, NOW), Step::Nothing), "who was cancelled logs nobody out");
}

#[test]
fn no_new_id_is_made_that_no_response_can_carry() {
    let add = Own::Add { key: "n".into(), by: 1 };
    let mut state = State::empty(POLICY, false);
    state.begin_closing(true, Some(NOW));
    assert_eq!(state.begin(&add, NOW).unwrap_err().kind(), Kind::Closed);
    let mut state = found();
    state.begin_closing(true, Some(NOW));
    assert!(matches!(state.begin(&add, NOW), Ok(Step::Apply { .. })), "an id that is known can still be written to");
    let mut state = found();
    state.rotate().unwrap();
    begin(&mut state, NOW);
    state.close();
    state.not_done().unwrap();
    assert_eq!(state.begin(&add, NOW).unwrap_err().kind(), Kind::Closed, "the rotation came back too late");
}
