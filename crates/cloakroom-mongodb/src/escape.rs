//! The application's keys as MongoDB's field names.
//!
//! A field name can't hold NUL, and one with `.` or `$`, or none at all, would be read as a path or an operator. So these are
//! written as `%` and two hex digits, `%` itself too, and the empty key as a single `%`. Each key has one field name and
//! each field name at most one key.

use std::borrow::Cow;

/// The field name of a key.
pub(crate) fn escape(key: &str) -> Cow<'_, str> {
    if key.is_empty() {
        return Cow::Borrowed("%");
    }
    if !key.contains(['%', '.', '$', '\0']) {
        return Cow::Borrowed(key);
    }
    let mut name = String::with_capacity(key.len() + 8);
    for letter in key.chars() {
        match letter {
            '%' => name.push_str("%25"),
            '.' => name.push_str("%2E"),
            '$' => name.push_str("%24"),
            '\0' => name.push_str("%00"),
            _ => name.push(letter),
        }
    }
    Cow::Owned(name)
}

/// The key that has this field name; none if no key has it.
pub(crate) fn unescape(name: &str) -> Option<Cow<'_, str>> {
    if name == "%" {
        return Some(Cow::Borrowed(""));
    }
    if name.is_empty() || name.contains(['.', '$', '\0']) {
        return None;
    }
    let mut parts = name.split('%');
    let first = parts.next()?;
    if first.len() == name.len() {
        return Some(Cow::Borrowed(name));
    }
    let mut key = String::with_capacity(name.len());
    key.push_str(first);
    for part in parts {
        let letter = match part.get(..2)? {
            "25" => '%',
            "2E" => '.',
            "24" => '$',
            "00" => '\0',
            _ => return None,
        };
        key.push(letter);
        key.push_str(&part[2..]);
    }
    Some(Cow::Owned(key))
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEYS: [&str; 14] =
        ["", "n", "a.b", "$x", "0", "%", "%25", "%2E", "%%", "\0", "__proto__", "$ref", "a\0.$%b", "clé €"];

    #[test]
    fn every_key_comes_back_and_none_can_be_misread() {
        for key in KEYS {
            let name = escape(key);
            assert!(!name.is_empty() && !name.contains(['.', '$', '\0']), "{name}");
            assert_eq!(unescape(&name).as_deref(), Some(key), "{name}");
        }
    }

    #[test]
    fn no_two_keys_have_one_name() {
        let names: std::collections::HashSet<_> = KEYS.iter().map(|key| escape(key)).collect();
        assert_eq!(names.len(), KEYS.len());
    }

    #[test]
    fn a_name_that_no_key_has_is_none() {
        for name in ["", "a.b", "$set", "%2", "%2e", "a%", "%41", "%é", "%%25"] {
            assert_eq!(unescape(name), None, "{name}");
        }
    }
}
