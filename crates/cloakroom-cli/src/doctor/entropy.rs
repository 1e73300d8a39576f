//! How hard ids are to guess, as far as a few of them tell.

use std::collections::BTreeSet;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use cloakroom::cookie::decode;

/// What some ids tell.
#[derive(Debug, PartialEq)]
pub(crate) struct Estimate {
    /// At most so many bits: as many as there were if each character that changes were drawn.
    pub(crate) bits: f64,
    /// How many characters an id has, and how many of them are not the same in all.
    pub(crate) length: usize,
    pub(crate) varying: usize,
    /// How many of the ids are different ones.
    pub(crate) different: usize,
    pub(crate) seen: usize,
}

/// Estimates by the values of a cookie.
pub(crate) fn estimate(values: &[String]) -> Option<Estimate> {
    let ids: Vec<Vec<char>> = values.iter().map(|value| id_of(value).chars().collect()).collect();
    let length = ids.iter().map(Vec::len).min()?;
    let mut bits = 0.0;
    let mut varying = 0;
    for place in 0..length {
        let letters: BTreeSet<char> = ids.iter().filter_map(|id| id.get(place).copied()).collect();
        if letters.len() > 1 {
            varying += 1;
            bits += f64::from(alphabet(&letters)).log2();
        }
    }
    // Of one alone, nothing is known to vary: so all of it might.
    if ids.len() == 1 {
        let letters: BTreeSet<char> = ids.iter().flatten().copied().collect();
        varying = length;
        bits = f64::from(alphabet(&letters)).log2() * f64::from(u32::try_from(length).unwrap_or(u32::MAX));
    }
    let different = ids.iter().collect::<BTreeSet<_>>().len();
    Some(Estimate { bits, length, varying, different, seen: ids.len() })
}

/// The id in a cookie's value, without the signature that Express puts behind it: who guesses an id can't sign it, but a leak
/// of the secret must not be enough.
pub(crate) fn id_of(value: &str) -> String {
    let text = decode(value.as_bytes());
    let signed = text.strip_prefix("s:").unwrap_or(&text);
    let is_signature = |text: &str| STANDARD_NO_PAD.decode(text).is_ok_and(|bytes| bytes.len() == 32);
    match signed.rsplit_once('.') {
        Some((id, signature)) if is_signature(signature) => id.to_owned(),
        _ => signed.to_owned(),
    }
}

/// How many letters there are to draw from, at least as many as were seen.
fn alphabet(letters: &BTreeSet<char>) -> u32 {
    let all = |is: fn(char) -> bool| letters.iter().all(|letter| is(*letter));
    if all(|letter| letter.is_ascii_digit()) {
        10
    } else if all(|letter| matches!(letter, '0'..='9' | 'a'..='f'))
        || all(|letter| matches!(letter, '0'..='9' | 'A'..='F'))
    {
        16
    } else if all(|letter| letter.is_ascii_lowercase() || letter.is_ascii_digit()) {
        36
    } else {
        64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(values: &[&str]) -> Estimate {
        estimate(&values.iter().map(|value| (*value).to_owned()).collect::<Vec<_>>()).unwrap()
    }

    #[test]
    fn numbers_that_count_up_are_told_from_what_was_drawn() {
        let counted = of(&["user-00017", "user-00018", "user-00019"]);
        assert_eq!((counted.length, counted.varying, counted.different), (10, 1, 3));
        assert!(counted.bits < 4.0);
        let drawn = of(&["3q2-7wXyZ0aB", "Kd92_LmQ1Rtc", "zPq8s7Yu4WeN", "aB3dE6gH9jK2"]);
        assert!(drawn.bits > 60.0, "{drawn:?}");
        assert_eq!(of(&["same", "same"]).different, 1);
    }

    #[test]
    fn a_signature_is_no_part_of_the_id() {
        let signature = STANDARD_NO_PAD.encode([7; 32]);
        let plain = format!("s:the.id.{signature}");
        assert_eq!(id_of(&plain), "the.id");
        assert_eq!(id_of(&plain.replace(':', "%3A")), "the.id");
        assert_eq!(id_of("s:no.signature"), "no.signature");
        assert_eq!(id_of("abc"), "abc");
    }
}
