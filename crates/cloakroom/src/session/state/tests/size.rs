//! How large a session may become.

use super::*;

#[test]
fn a_session_of_exactly_the_size_limit_is_kept_and_one_byte_more_is_not() {
    // `n` takes 2 bytes and `long` 4, so a text of 92 characters with its quotes fills up the 100.
    let text = |length: usize| Value::serialize(&"x".repeat(length)).unwrap();
    assert!(found().set("long", text(92)).is_ok());
    assert_eq!(found().set("long", text(93)).unwrap_err().kind(), Kind::TooLarge);
    assert!(State::empty(POLICY, false).set("long", text(94)).is_ok());
    assert_eq!(State::empty(POLICY, false).set("long", text(95)).unwrap_err().kind(), Kind::TooLarge);
}

#[test]
fn what_is_too_large_already_may_shrink_but_not_grow() {
    let text = |length: usize| Value::serialize(&"x".repeat(length)).unwrap();
    let mut large = record();
    large.data = Arc::new([("long", text(120)), ("other", text(120))].into_iter().collect());
    let state = || found_as(large.clone());
    assert!(state().set("long", text(119)).is_ok());
    assert!(state().set("long", text(120)).is_ok(), "it does not grow");
    assert_eq!(state().set("long", text(121)).unwrap_err().kind(), Kind::TooLarge);
    assert_eq!(state().set("new", Value::from(1)).unwrap_err().kind(), Kind::TooLarge);
}

#[test]
fn a_number_that_is_added_to_counts_by_its_sum_and_where_it_is_none_the_store_decides() {
    let key = "k".repeat(96);
    assert!(found().adding(&key, 10).is_ok());
    assert_eq!(found().adding(&key, 100).unwrap_err().kind(), Kind::TooLarge);
    let mut state = found();
    state.set("text", Value::serialize("x").unwrap()).unwrap();
    assert!(state.adding("text", 1).is_ok());
}
