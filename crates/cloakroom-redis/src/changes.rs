//! A patch as the arguments of the script that applies it.

use cloakroom::Timestamp;
use cloakroom::record::{Change, Expiry, Numbers, Patch};
use cloakroom::store::{Guard, SUPERSEDED_FOR, StoreError, Token, Written};
use redis::Value as Reply;

use crate::error::corrupt;
use crate::layout::{self, Fields, data_field, metadata_field, millis};
use crate::script::{APPLY, Request};

/// What happens to the key.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Turn<'a> {
    /// It stays.
    Stay,
    /// The record gets another in the same step: its digest, and where that is.
    Place(&'a str, &'a [u8]),
    /// The record ends here and is told, to be made anew under another digest.
    Take(&'a str),
}

/// Where the session is.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Site<'a> {
    pub(crate) key: &'a [u8],
    pub(crate) digest: &'a str,
    /// The prefix of the indexes, where the script keeps them.
    pub(crate) indexes: Option<&'a str>,
}

/// The call that applies a patch.
pub(crate) fn request(site: Site<'_>, patch: &Patch, guard: &Guard, turn: Turn<'_>, now: Timestamp) -> Request {
    let guard = match guard {
        Guard::Exists => String::new(),
        // A token of another store is none that a record can have.
        Guard::Unchanged(token) => token.as_version().map_or("?".to_owned(), |version| version.to_string()),
    };
    let (touch, touched_end) = match patch.expiry {
        Expiry::Keep => ("k", String::new()),
        Expiry::AtLeast(end) => ("l", millis(end)),
        Expiry::Exactly(end) => ("x", millis(end)),
    };
    let (turned, new_digest) = match turn {
        Turn::Stay => ("", ""),
        Turn::Place(digest, _) => ("place", digest),
        Turn::Take(digest) => ("take", digest),
    };
    let mut request = Request::script(&APPLY).key(site.key);
    if let Turn::Place(_, key) = turn {
        request = request.key(key);
    }
    let flag = |is: bool| if is { "1" } else { "0" };
    let Lists { sets, unsets, adds } = Lists::of(patch);
    request = request
        .arg(site.indexes.unwrap_or_default())
        .arg(site.digest)
        .arg(millis(now))
        .arg(margin())
        .arg(guard)
        .arg(flag(patch.changes_data()))
        .arg(flag(patch.clears()))
        .arg(touch)
        .arg(touched_end)
        .arg(patch.absolute_end.map(millis).unwrap_or_default())
        .arg(patch.user.as_ref().map(|user| user.as_str()).unwrap_or_default())
        .arg(turned)
        .arg(new_digest)
        .arg(millis(now + SUPERSEDED_FOR))
        .arg((sets.len() / 2).to_string())
        .arg(unsets.len().to_string())
        .arg((adds.len() / 2).to_string());
    request.args(sets.into_iter().chain(unsets).chain(adds))
}

/// How much longer than it may live a record is kept, in milliseconds: so that a server whose clock is ahead ends none.
pub(crate) fn margin() -> String {
    (5 * 60 * 1_000).to_string()
}

/// The fields that a patch sets (with their values), unsets, and adds to (with the numbers).
struct Lists {
    sets: Vec<Vec<u8>>,
    unsets: Vec<Vec<u8>>,
    adds: Vec<Vec<u8>>,
}

impl Lists {
    fn of(patch: &Patch) -> Lists {
        let mut lists = Lists { sets: Vec::new(), unsets: Vec::new(), adds: Vec::new() };
        for (key, change) in patch.changes() {
            let field = data_field(key);
            match change {
                Change::Set(value) => lists.put(field, Some(value.as_json())),
                Change::Unset => lists.put(field, None),
                Change::Add(by) => lists.adds.extend([field, by.to_string().into_bytes()]),
            }
        }
        for (key, value) in patch.metadata() {
            lists.put(metadata_field(key), value.map(|value| value.as_json()));
        }
        for (field, value) in patch.lifetime.into_iter().flat_map(layout::lifetime) {
            lists.put(field.into(), value.as_deref());
        }
        lists
    }

    fn put(&mut self, field: Vec<u8>, value: Option<&str>) {
        match value {
            Some(value) => self.sets.extend([field, value.into()]),
            None => self.unsets.push(field),
        }
    }
}

/// What became of it.
#[derive(Debug)]
pub(crate) enum Outcome {
    Done(Done),
    Gone,
    Conflict,
    Taken,
    WrongType,
}

/// A patch that was applied.
#[derive(Debug)]
pub(crate) struct Done {
    pub(crate) written: Written,
    pub(crate) handle: String,
    /// All that was taken.
    pub(crate) taken: Fields,
}

impl Outcome {
    pub(crate) fn read(answer: Reply, patch: &Patch) -> Result<Outcome, StoreError> {
        let mut answer = layout::list(answer)?.into_iter();
        let mut next = || answer.next().ok_or_else(|| corrupt("an answer"));
        Ok(match layout::string(next()?)?.as_str() {
            "gone" => Outcome::Gone,
            "conflict" => Outcome::Conflict,
            "taken" => Outcome::Taken,
            "wrong" => Outcome::WrongType,
            "done" => {
                let version = layout::string(next()?)?.parse().map_err(|_| corrupt("a version"))?;
                let handle = layout::string(next()?)?;
                let told = layout::list(next()?)?;
                let taken = Fields::read(next()?)?;
                let mut numbers = Numbers::new();
                let added = patch.changes().filter(|(_, change)| matches!(change, Change::Add(_)));
                for ((key, _), number) in added.zip(told) {
                    let number = layout::string(number)?.parse().map_err(|_| corrupt("a number"))?;
                    numbers.push((key.clone(), number));
                }
                Outcome::Done(Done { written: Written::new(Token::version(version), numbers), handle, taken })
            }
            _ => return Err(corrupt("an answer")),
        })
    }
}
