//! How long sessions live and how large they grow.

use std::time::Duration;

use crate::clock::Timestamp;
use crate::record::facts::Facts;
use crate::record::{Expiry, Lifetime, Patch, Record};
use crate::store::KeyRules;

/// A touch never waits longer than this.
const LONGEST_TOUCH_INTERVAL: Duration = Duration::from_secs(5 * 60);

/// The rules for all sessions of a layer.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Policy {
    pub(crate) idle: Duration,
    pub(crate) absolute: Duration,
    pub(crate) size_limit: usize,
    /// What the store can keep.
    pub(crate) keys: &'static KeyRules,
    /// The lifetime of sessions for which the application has chosen none.
    pub(crate) lifetime: Lifetime,
    pub(crate) renewal: Renewal,
    /// An id that is older than this is exchanged for a new one.
    pub(crate) renew_id_after: Option<Duration>,
}

/// When the cookie of a persistent session is sent again though nothing of it but its end has changed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Renewal {
    /// Never: it carries the absolute end, which no touch moves.
    #[default]
    Never,
    /// It carries the idle end, and is sent again when the session was changed.
    WithChanges,
    /// It carries the idle end, and is sent again when that has moved.
    WithTouches,
}

/// A lifetime that the application has chosen for one session.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Remember {
    pub(crate) lifetime: Lifetime,
    pub(crate) absolute: Option<Duration>,
}

impl Policy {
    /// Rules of which the rest is as usual.
    pub(crate) const fn new(idle: Duration, absolute: Duration, size_limit: usize) -> Policy {
        let lifetime = Lifetime { idle: None, persistent: None };
        Policy {
            idle,
            absolute,
            size_limit,
            keys: &KeyRules::ANY,
            lifetime,
            renewal: Renewal::Never,
            renew_id_after: None,
        }
    }

    /// A record that begins now.
    pub(super) fn new_record(&self, remember: Option<Remember>, now: Timestamp) -> Record {
        let (lifetime, absolute_end) = self.fresh_life(remember, now);
        let mut record = Record::new(now, self.idle_end(lifetime, absolute_end, now), absolute_end);
        record.lifetime = lifetime;
        record
    }

    /// Lets a patch begin a record's life anew.
    pub(super) fn renew(&self, patch: &mut Patch, record: &Record, remember: Option<Remember>, now: Timestamp) {
        let (lifetime, absolute_end) = self.fresh_life(remember, now);
        patch.lifetime = (lifetime != record.lifetime).then_some(lifetime);
        patch.absolute_end = Some(absolute_end);
        patch.expiry = Expiry::Exactly(self.idle_end(lifetime, absolute_end, now));
    }

    /// Lets a patch touch a record.
    pub(super) fn touch(&self, patch: &mut Patch, record: &Record, now: Timestamp) {
        patch.expiry = Expiry::AtLeast(self.idle_end(record.lifetime, record.absolute_end, now));
    }

    /// Whether a record's last touch is old enough for another: not every request is worth a write.
    pub(super) fn is_touch_due(&self, record: &Record, now: Timestamp) -> bool {
        let interval = (self.idle(record.lifetime) / 10).min(LONGEST_TOUCH_INTERVAL);
        now.since(record.seen) >= interval
    }

    /// Whether a record's id is old enough for a new one.
    pub(super) fn is_id_due(&self, record: &Record, now: Timestamp) -> bool {
        let made = || Facts(&record.metadata).id_made().unwrap_or(record.created);
        self.renew_id_after.is_some_and(|age| now.since(made()) >= age)
    }

    /// Whether a patch that was stored is a reason to send the record's cookie again.
    pub(super) fn renews_cookie(&self, patch: &Patch, record: &Record) -> bool {
        record.lifetime.persistent == Some(true)
            && match self.renewal {
                Renewal::Never => false,
                Renewal::WithChanges => patch.changes_data(),
                Renewal::WithTouches => !patch.is_empty(),
            }
    }

    fn fresh_life(&self, remember: Option<Remember>, now: Timestamp) -> (Lifetime, Timestamp) {
        let lifetime = remember.map_or(self.lifetime, |remember| remember.lifetime);
        let absolute = remember.and_then(|remember| remember.absolute).unwrap_or(self.absolute);
        (lifetime, now + absolute)
    }

    fn idle_end(&self, lifetime: Lifetime, absolute_end: Timestamp, now: Timestamp) -> Timestamp {
        (now + self.idle(lifetime)).min(absolute_end)
    }

    fn idle(&self, lifetime: Lifetime) -> Duration {
        lifetime.idle.unwrap_or(self.idle)
    }
}
