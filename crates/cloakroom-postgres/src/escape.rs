//! Texts as PostgreSQL can keep them, which knows no NUL.
//!
//! NUL is written as `%00` and `%` as `%25`. So each text has one spelling, and each spelling at most one text.

use std::borrow::Cow;

/// How a text is spelt in the database.
pub(crate) fn escape(text: &str) -> Cow<'_, str> {
    if !text.contains(['%', '\0']) {
        return Cow::Borrowed(text);
    }
    Cow::Owned(text.replace('%', "%25").replace('\0', "%00"))
}

/// The text of a spelling; none if it is nobody's.
pub(crate) fn unescape(spelt: &str) -> Option<Cow<'_, str>> {
    let mut parts = spelt.split('%');
    let first = parts.next()?;
    if first.len() == spelt.len() {
        return Some(Cow::Borrowed(spelt));
    }
    let mut text = String::with_capacity(spelt.len());
    text.push_str(first);
    for part in parts {
        match part.get(..2)? {
            "25" => text.push('%'),
            "00" => text.push('\0'),
            _ => return None,
        }
        text.push_str(&part[2..]);
    }
    Some(Cow::Owned(text))
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXTS: [&str; 12] = ["", "n", "a.b", "$x", "0", "%", "%25", "%00", "%%", "\0", "__proto__", "a\0%b é"];

    #[test]
    fn every_text_comes_back_without_a_nul_in_between() {
        for text in TEXTS {
            let spelt = escape(text);
            assert!(!spelt.contains('\0'), "{spelt}");
            assert_eq!(unescape(&spelt).as_deref(), Some(text), "{spelt}");
        }
    }

    #[test]
    fn no_two_texts_are_spelt_alike() {
        let spelt: std::collections::HashSet<_> = TEXTS.iter().map(|text| escape(text)).collect();
        assert_eq!(spelt.len(), TEXTS.len());
    }

    #[test]
    fn a_spelling_that_is_nobodys_is_none() {
        for spelt in ["%", "a%", "%2", "%41", "%é", "%%25"] {
            assert_eq!(unescape(spelt), None, "{spelt}");
        }
    }
}
