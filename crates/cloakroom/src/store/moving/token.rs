//! Tokens that tell which store they are of, so that a state of the one is never taken for a state of the other.

use super::super::{Applied, Created, Guard, Loaded, Rotated, Token};

/// Whose token it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Side {
    Old,
    New,
}

const VERSION: u8 = b'v';
const BODY: u8 = b'b';

/// What the new store is to be asked, unless it is for a state of the old one.
pub(super) fn guard_of_new(guard: &Guard) -> Option<Guard> {
    match guard {
        Guard::Exists => Some(Guard::Exists),
        Guard::Unchanged(token) => opened(Side::New, token).map(Guard::Unchanged),
    }
}

/// Whether a guard allows a record of the old store in this state.
pub(super) fn is_of_old(guard: &Guard, token: &Token) -> bool {
    match guard {
        Guard::Exists => true,
        Guard::Unchanged(asked) => *asked == closed(Side::Old, token),
    }
}

pub(super) fn loaded(side: Side, mut loaded: Loaded) -> Loaded {
    if let Loaded::Found(found) = &mut loaded {
        found.token = closed(side, &found.token);
    }
    loaded
}

pub(super) fn created(side: Side, mut created: Created) -> Created {
    if let Created::Done { token, .. } = &mut created {
        *token = closed(side, token);
    }
    created
}

pub(super) fn applied(side: Side, mut applied: Applied) -> Applied {
    if let Applied::Done(written) = &mut applied {
        written.token = closed(side, &written.token);
    }
    applied
}

pub(super) fn rotated(side: Side, mut rotated: Rotated) -> Rotated {
    if let Rotated::Done { written, .. } = &mut rotated {
        written.token = closed(side, &written.token);
    }
    rotated
}

fn closed(side: Side, token: &Token) -> Token {
    let mut bytes = vec![side.letter()];
    match token.as_version() {
        Some(version) => {
            bytes.push(VERSION);
            bytes.extend(version.to_be_bytes());
        }
        None => {
            bytes.push(BODY);
            bytes.extend(token.as_body().unwrap_or_default());
        }
    }
    Token::body(bytes)
}

fn opened(side: Side, token: &Token) -> Option<Token> {
    match token.as_body()? {
        [letter, VERSION, version @ ..] if *letter == side.letter() => {
            Some(Token::version(i64::from_be_bytes(version.try_into().ok()?)))
        }
        [letter, BODY, body @ ..] if *letter == side.letter() => Some(Token::body(body)),
        _ => None,
    }
}

impl Side {
    fn letter(self) -> u8 {
        match self {
            Side::Old => b'o',
            Side::New => b'n',
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_goes_back_to_its_own_store_only() {
        for token in [Token::version(-5), Token::body(*b"v2345678"), Token::body(Vec::new())] {
            assert_eq!(opened(Side::New, &closed(Side::New, &token)), Some(token.clone()));
            assert_eq!(opened(Side::New, &closed(Side::Old, &token)), None);
            assert_eq!(opened(Side::New, &token), None);
            assert!(is_of_old(&Guard::Unchanged(closed(Side::Old, &token)), &token));
            assert!(!is_of_old(&Guard::Unchanged(closed(Side::New, &token)), &token));
            assert!(!is_of_old(&Guard::Unchanged(token.clone()), &token));
        }
    }
}
