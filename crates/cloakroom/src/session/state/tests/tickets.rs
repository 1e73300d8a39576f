//! When the response speaks of the ticket, and what it says.

use super::*;

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
    state.log_in(UserId::new("ada").unwrap(), None).unwrap();
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
fn a_new_end_is_told_to_the_browser() {
    let mut state = found();
    let absolute = Some(Duration::from_secs(60));
    state.remember(Remember { lifetime: Default::default(), absolute }).unwrap();
    carry_out(&mut state, NOW);
    assert_eq!(state.ticket_due(), TicketDue::Issue, "the cookie ends with it");
    assert!(!state.is_rotated(), "but the id that the browser has is still good");
}

#[test]
fn a_new_id_has_to_reach_the_browser_unless_it_was_destroyed_since() {
    let mut state = found();
    assert!(!state.is_rotated());
    state.rotate().unwrap();
    carry_out(&mut state, NOW);
    assert!(state.is_rotated());
    state.destroy().unwrap();
    assert_eq!(state.ticket_due(), TicketDue::None, "no ticket for what is to be destroyed");
    assert!(!state.is_rotated());
    state.destroyed(true);
    assert_eq!(state.ticket_due(), TicketDue::Remove);
    assert!(!state.is_rotated());
}

#[test]
fn a_ticket_of_an_older_key_is_issued_anew_once_with_the_next_write() {
    let found = Found { record: record(), token: Token::version(1), handle: Handle::new("handle") };
    let mut state = State::found(POLICY, StoreKey::generate().unwrap(), found, true, NOW);
    assert_eq!(state.ticket_due(), TicketDue::None, "a request that writes nothing sets no cookie");
    assert_eq!(state.begin_closing(true, Some(NOW)), Closing::Nothing);
    state.phase = Phase::Open;
    state.set("a", Value::from(1)).unwrap();
    carry_out(&mut state, NOW);
    assert_eq!(state.ticket_due(), TicketDue::Issue);
}

#[test]
fn a_session_can_begin_with_nothing_in_it() {
    let mut state = State::empty(POLICY, false);
    assert!(state.awaits_id());
    let Ok(Step::Create(record)) = state.begin(&Own::Begin, NOW) else { panic!("nothing to create") };
    assert!(record.data.is_empty());
    state.created(StoreKey::generate().unwrap(), record, Token::version(1), Handle::new("handle"));
    assert!(!state.awaits_id());
    assert_eq!(state.ticket_due(), TicketDue::Issue);
    assert!(matches!(state.begin(&Own::Begin, NOW), Ok(Step::Nothing)), "once is enough");
    assert!(matches!(found().begin(&Own::Begin, NOW), Ok(Step::Nothing)), "it is there");
    for mut none in [State::empty(POLICY, true), State::read_only(POLICY)] {
        assert!(!none.awaits_id());
        assert!(!matches!(none.begin(&Own::Begin, NOW), Ok(Step::Create(_))));
    }
}

#[test]
fn a_session_awaits_the_id_of_a_rotation_until_it_is_there() {
    let mut state = found();
    assert!(!state.awaits_id());
    state.log_in(UserId::new("ada").unwrap(), None).unwrap();
    assert!(state.awaits_id());
    let Step::Rotate { intent, .. } = begin(&mut state, NOW) else { panic!("a log-in rotates") };
    assert!(state.awaits_id(), "while it is under way, too");
    let new_name = Some((StoreKey::generate().unwrap(), Handle::new("handle")));
    state.done(&intent.patch, &Guard::Exists, written(), new_name, NOW);
    assert!(!state.awaits_id());
    state.rotate().unwrap();
    assert!(!state.awaits_id(), "nobody else knows this one");
    let mut superseded = State::empty(POLICY, true);
    superseded.log_in(UserId::new("ada").unwrap(), None).unwrap();
    assert!(superseded.awaits_id());
}
