//! A patch as the parameters of one update.

use cloakroom::Timestamp;
use cloakroom::record::{Change, Expiry, Numbers, Patch, StoreKey};
use cloakroom::store::{Guard, StoreError, Written};
use cloakroom::store::{SUPERSEDED_FOR, Token};
use tokio_postgres::Row;

use crate::error;
use crate::escape::escape;
use crate::layout::{column, millis, object};
use crate::parameter::Parameter;
use crate::statements::Statements;

/// No record has this version.
const NO_VERSION: i64 = 0;

/// One update, and what it tells.
pub(crate) struct Update<'a> {
    patch: &'a Patch,
    key: &'a [u8],
    now: i64,
    version: Option<i64>,
    exactly: Option<i64>,
    at_least: Option<i64>,
    absolute_end: Option<i64>,
    changes_keys: bool,
    clears: bool,
    set: String,
    unset: Vec<String>,
    user: Option<String>,
    has_lifetime: bool,
    own_idle: Option<i64>,
    persistent: Option<bool>,
    metadata_set: String,
    metadata_unset: Vec<String>,
    growth: i64,
    new_key: Option<&'a [u8]>,
    previous_until: Option<i64>,
    added: Vec<String>,
    by: Vec<i64>,
}

impl<'a> Update<'a> {
    pub(crate) fn new(key: &'a StoreKey, patch: &'a Patch, guard: &Guard, now: Timestamp) -> Update<'a> {
        let changes = |wanted: fn(&Change) -> bool| patch.changes().filter(move |(_, change)| wanted(change));
        let spelt = |key: &str| escape(key).into_owned();
        let set = patch.changes().filter_map(|(key, change)| match change {
            Change::Set(value) => Some((key, value)),
            Change::Unset | Change::Add(_) => None,
        });
        let by = patch.changes().filter_map(|(_, change)| match change {
            Change::Add(by) => Some(*by),
            Change::Set(_) | Change::Unset => None,
        });
        let metadata_set = patch.metadata().filter_map(|(key, value)| Some((key, value?)));
        let metadata_unset = patch.metadata().filter(|(_, value)| value.is_none());
        Update {
            patch,
            key: key.digest(),
            now: now.as_millis(),
            version: match guard {
                Guard::Exists => None,
                Guard::Unchanged(token) => Some(token.as_version().unwrap_or(NO_VERSION)),
            },
            exactly: match patch.expiry {
                Expiry::Exactly(end) => Some(end.as_millis()),
                Expiry::Keep | Expiry::AtLeast(_) => None,
            },
            at_least: match patch.expiry {
                Expiry::AtLeast(end) => Some(end.as_millis()),
                Expiry::Keep | Expiry::Exactly(_) => None,
            },
            absolute_end: patch.absolute_end.map(Timestamp::as_millis),
            changes_keys: patch.clears() || patch.changes().len() > 0,
            clears: patch.clears(),
            set: object(set),
            unset: changes(|change| matches!(change, Change::Unset)).map(|(key, _)| spelt(key)).collect(),
            user: patch.user.as_ref().map(|user| spelt(user.as_str())),
            has_lifetime: patch.lifetime.is_some(),
            own_idle: patch.lifetime.and_then(|lifetime| lifetime.idle).map(millis),
            persistent: patch.lifetime.and_then(|lifetime| lifetime.persistent),
            metadata_set: object(metadata_set),
            metadata_unset: metadata_unset.map(|(key, _)| spelt(key)).collect(),
            growth: i64::from(patch.changes_data()),
            new_key: None,
            previous_until: None,
            added: changes(|change| matches!(change, Change::Add(_))).map(|(key, _)| spelt(key)).collect(),
            by: by.collect(),
        }
    }

    /// Gives the record another key, too.
    pub(crate) fn rekey(&mut self, new: &'a StoreKey) {
        self.new_key = Some(new.digest());
        self.previous_until = Some((Timestamp::from_millis(self.now) + SUPERSEDED_FOR).as_millis());
    }

    /// The statement that it takes, and that one's parameters.
    pub(crate) fn statement<'b>(&'b self, statements: &'b Statements) -> (&'b str, Vec<Parameter<'b>>) {
        let mut parameters: Vec<Parameter<'b>> =
            vec![&self.key, &self.now, &self.version, &self.exactly, &self.at_least, &self.absolute_end];
        if !self.patch.changes_data() && self.new_key.is_none() {
            return (&statements.touch, parameters);
        }
        let changes: [Parameter<'b>; 13] = [
            &self.changes_keys,
            &self.clears,
            &self.set,
            &self.unset,
            &self.user,
            &self.has_lifetime,
            &self.own_idle,
            &self.persistent,
            &self.metadata_set,
            &self.metadata_unset,
            &self.growth,
            &self.new_key,
            &self.previous_until,
        ];
        parameters.extend(changes);
        if self.added.is_empty() {
            return (&statements.write, parameters);
        }
        parameters.push(&self.added);
        parameters.push(&self.by);
        (&statements.count, parameters)
    }

    /// What the row of an update that was made tells.
    pub(crate) fn written(&self, row: &Row) -> Result<Written, StoreError> {
        let version = column(row, 1, "version")?;
        let sums: Option<Vec<i64>> = column(row, 3, "data")?;
        let sums = sums.unwrap_or_default();
        if sums.len() != self.added.len() {
            return Err(error::corrupt("data"));
        }
        let added = self.patch.changes().filter(|(_, change)| matches!(change, Change::Add(_)));
        let numbers: Numbers = added.zip(sums).map(|((key, _), sum)| (key.clone(), sum)).collect();
        Ok(Written::new(Token::version(version), numbers))
    }
}
