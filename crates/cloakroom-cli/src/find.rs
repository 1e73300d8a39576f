//! A session by its handle alone.

use cloakroom::Timestamp;
use cloakroom::record::Handle;
use cloakroom::store::Entry;

use crate::failure::Outcome;
use crate::store::Opened;
use crate::walk;

/// The live session that has a handle.
///
/// A directory finds by user, but its pages begin behind any handle: so the one before is asked for the next.
pub(crate) async fn by_handle(opened: &Opened, handle: &str, now: Timestamp) -> Outcome<Option<Entry>> {
    if let Some(before) = before(handle) {
        let page = opened.directory()?.page(before.map(Handle::from).as_ref(), 1, now).await?;
        return Ok(page.into_iter().find(|entry| entry.handle.as_str() == handle));
    }
    let mut found = None;
    walk::each_entry(opened, now, |entry| {
        if entry.handle.as_str() == handle {
            found = Some(entry);
        }
        Ok(())
    })
    .await?;
    Ok(found)
}

/// The hexadecimal number one less, with hyphens where they were; none within for that of zeros, and none for what is no number.
#[allow(clippy::option_option, reason = "no place before it is one answer, and no number is another")]
fn before(handle: &str) -> Option<Option<String>> {
    let is_digit = |byte: u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f' | b'-');
    if handle.is_empty() || !handle.bytes().all(is_digit) {
        return None;
    }
    let mut digits: Vec<char> = handle.chars().collect();
    for digit in digits.iter_mut().rev().filter(|digit| **digit != '-') {
        let value = digit.to_digit(16)?;
        *digit = char::from_digit(value.checked_sub(1).unwrap_or(15), 16)?;
        if value > 0 {
            return Some(Some(digits.into_iter().collect()));
        }
    }
    Some(None)
}

#[cfg(test)]
mod tests {
    use super::before;

    #[test]
    fn the_handle_before_is_one_less() {
        let is = |handle, other: &str| assert_eq!(before(handle), Some(Some(other.to_owned())), "{handle}");
        is("00000000000000a0", "000000000000009f");
        is("018bcfe5-6800-7000-8000-000000000000", "018bcfe5-6800-7000-7fff-ffffffffffff");
        assert_eq!(before("0000"), Some(None));
        for other in ["", "x", "A0", "é", "0_"] {
            assert_eq!(before(other), None, "{other}");
        }
    }
}
