//! What was told or written of late, so that a load which was under way meanwhile leaves no copy that is out of date.

use std::collections::VecDeque;

use crate::store::{Name, Token};

/// So much is remembered. A load that takes longer leaves no copy.
const REMEMBERED: usize = 4_096;

/// The last changes, each with a number.
#[derive(Debug, Default)]
pub(super) struct Recent {
    changes: VecDeque<(Name, Option<Token>)>,
    /// How many there ever were.
    count: u64,
    /// What was loaded before so many is out of date, whatever it is.
    forgotten: u64,
}

impl Recent {
    /// The number of the next change.
    pub(super) fn next(&self) -> u64 {
        self.count
    }

    pub(super) fn push(&mut self, name: Name, token: Option<Token>) {
        if self.changes.len() == REMEMBERED {
            self.changes.pop_front();
        }
        self.changes.push_back((name, token));
        self.count += 1;
    }

    /// Everything may have changed.
    pub(super) fn forget(&mut self) {
        self.changes.clear();
        self.count += 1;
        self.forgotten = self.count;
    }

    /// Whether nothing has changed since the change `since` was the next one that would put a copy out of date which goes by
    /// these names, and is in this state.
    pub(super) fn is_still(&self, since: u64, names: &[Name], token: Option<&Token>) -> bool {
        let first = self.count - self.changes.len() as u64;
        if since < self.forgotten || since < first {
            return false;
        }
        let from = usize::try_from(since - first).unwrap_or(usize::MAX).min(self.changes.len());
        let later = self.changes.range(from..);
        !later.into_iter().any(|(name, changed)| names.contains(name) && !covers(token, changed.as_ref()))
    }
}

/// Whether a copy in one state has the change in it that led to another.
pub(super) fn covers(copy: Option<&Token>, change: Option<&Token>) -> bool {
    let copy = copy.and_then(Token::as_version);
    copy.zip(change.and_then(Token::as_version)).is_some_and(|(copy, change)| copy >= change)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::Handle;

    fn name(name: &str) -> Name {
        Name::Handle(Handle::new(name))
    }

    #[test]
    fn a_change_puts_out_of_date_what_was_loaded_before_it() {
        let mut recent = Recent::default();
        recent.push(name("a"), None);
        let (before, names) = (recent.next(), [name("a"), name("key")]);
        assert!(recent.is_still(before, &names, None));
        recent.push(name("b"), None);
        assert!(recent.is_still(before, &names, None));
        recent.push(name("a"), None);
        assert!(!recent.is_still(before, &names, None));
        assert!(recent.is_still(recent.next(), &names, None));
    }

    #[test]
    fn a_copy_that_has_the_change_in_it_stays() {
        let (two, three) = (Token::version(2), Token::version(3));
        let mut recent = Recent::default();
        recent.push(name("a"), Some(two.clone()));
        let names = [name("a")];
        assert!(recent.is_still(0, &names, Some(&two)) && recent.is_still(0, &names, Some(&three)));
        assert!(!recent.is_still(0, &names, Some(&Token::version(1))));
        assert!(!recent.is_still(0, &names, None) && !recent.is_still(0, &names, Some(&Token::body([3]))));
        recent.push(name("a"), None);
        assert!(!recent.is_still(0, &names, Some(&three)), "a touch has no token");
    }

    #[test]
    fn what_is_too_long_ago_is_not_known_to_be_right() {
        let mut recent = Recent::default();
        let since = recent.next();
        for _ in 0..REMEMBERED {
            recent.push(name("other"), None);
        }
        assert!(recent.is_still(since, &[name("a")], None));
        recent.push(name("other"), None);
        assert!(!recent.is_still(since, &[name("a")], None));
        let since = recent.next();
        recent.forget();
        assert!(!recent.is_still(since, &[name("a")], None));
        assert!(recent.is_still(recent.next(), &[name("a")], None));
    }
}
