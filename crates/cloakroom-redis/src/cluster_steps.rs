//! In a cluster the record, the index of its user and the index of all are on different nodes, and a script reaches one of them.
//!
//! So a live session is never lost from the directory: an entry is put into an index before the session is there, and taken out
//! after it has ended. Who dies in between leaves an entry too many, which is passed over when it is read, and removed then.

use std::time::Duration;

use cloakroom::Timestamp;
use cloakroom::record::{Patch, Record};
use cloakroom::store::{Guard, StoreError};
use futures_util::future::{try_join, try_join_all};

use crate::RedisStore;
use crate::changes::{self, Done, Outcome, Site, Turn, margin};
use crate::error::{self, Call};
use crate::layout::{self, Fields, millis};
use crate::names::{self, Member};
use crate::script::{INDEX, RELEASE, RESERVE, Request};
use crate::store::{End, Ended};

/// How long a key is kept for a rotation, in milliseconds. The rotation has ended long before.
const RESERVED_FOR: &str = "60000";

/// The index of a user is there for so long at least while the user logs in; then the session's own end counts.
const LOGGING_IN: Duration = Duration::from_secs(60 * 60);

impl RedisStore {
    /// Whether it was made.
    pub(crate) async fn create_in_cluster(
        &self,
        digest: &str,
        handle: &str,
        record: &Record,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        let user = record.user.as_ref().map(|user| user.as_str());
        self.enter(digest, handle, user, record.absolute_end, now).await?;
        let request = self.place.creation(digest, handle, record, now, None, None);
        let is_made = layout::string(self.place.ask(Call::Write, &request).await?)? == "done";
        if !is_made {
            // The entry of the user may be that of the record which is there.
            overlooked(self.leave(digest, handle, Some(&millis(now)), None).await);
        }
        Ok(is_made)
    }

    pub(crate) async fn apply_in_cluster(
        &self,
        digest: &str,
        patch: &Patch,
        guard: &Guard,
        now: Timestamp,
    ) -> Result<Outcome, StoreError> {
        if patch.user.is_some() || patch.absolute_end.is_some() {
            let before = self.place.read(digest).await?;
            if !before.is_record() {
                return Ok(Outcome::Gone);
            }
            let user = patch.user.clone().or(before.user()?);
            let absolute_end = match patch.absolute_end {
                Some(end) => end.max(before.time(layout::ABSOLUTE_END)?),
                None => before.time(layout::ABSOLUTE_END)?,
            };
            if let Some(user) = user {
                self.enter_user(digest, user.as_str(), absolute_end, now).await?;
            }
        }
        let key = self.place.key_of(digest);
        let request = changes::request(Site { key: &key, digest, indexes: None }, patch, guard, Turn::Stay, now);
        Outcome::read(self.place.ask(Call::Write, &request).await?, patch)
    }

    /// Ends the record under the old key, and makes it anew under the new one, which was kept for it before.
    pub(crate) async fn rotate_in_cluster(
        &self,
        old: &str,
        new: &str,
        patch: &Patch,
        guard: &Guard,
        now: Timestamp,
    ) -> Result<Outcome, StoreError> {
        let reserve = Request::script(&RESERVE).key(self.place.key_of(new)).arg(old).arg(RESERVED_FOR);
        // Who logs in is that user's from the moment when the old record is taken, and then has to be found by it.
        let of_new_user = async {
            match &patch.user {
                Some(user) => {
                    self.enter_user(old, user.as_str(), patch.absolute_end.unwrap_or(now + LOGGING_IN), now).await
                }
                None => Ok(()),
            }
        };
        let (reserved, ()) = try_join(self.place.ask(Call::Write, &reserve), of_new_user).await?;
        if layout::string(reserved)? == "taken" {
            return Ok(Outcome::Taken);
        }
        let key = self.place.key_of(old);
        let site = Site { key: &key, digest: old, indexes: None };
        let take = changes::request(site, patch, guard, Turn::Take(new), now);
        let Done { written, handle, taken } = match Outcome::read(self.place.ask(Call::Write, &take).await?, patch)? {
            Outcome::Done(done) => done,
            // Another attempt may have taken it, whose reservation this is.
            Outcome::Gone => return Ok(Outcome::Gone),
            refused => {
                self.release(new, old).await?;
                return Ok(refused);
            }
        };
        // From here on the old id is dead.
        let is_made = self.make_anew(old, new, &handle, &taken, now).await.map_err(error::half_done)?;
        let user = taken.text(layout::USER)?;
        overlooked(self.leave(old, &handle, taken.text(layout::WRITTEN)?, user).await);
        if !is_made {
            overlooked(self.leave(new, &handle, Some(&millis(now)), user).await);
            return Ok(Outcome::Gone);
        }
        Ok(Outcome::Done(Done { written, handle, taken: Fields::default() }))
    }

    /// Takes a reservation away: the rotation that it is for will make nothing. Tells whether it was there.
    pub(crate) async fn release(&self, new: &str, old: &str) -> Result<bool, StoreError> {
        let release = Request::script(&RELEASE).key(self.place.key_of(new)).arg(old);
        Ok(layout::number(&self.place.ask(Call::Write, &release).await?)? == 1)
    }

    /// Whether it was made: unless somebody has ended the session in between.
    async fn make_anew(
        &self,
        old: &str,
        new: &str,
        handle: &str,
        taken: &Fields,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        let record = taken.record()?;
        let user = record.user.as_ref().map(|user| user.as_str());
        self.enter(new, handle, user, record.absolute_end, now).await?;
        let fields = taken.with(&[(layout::PREVIOUS, old), (layout::WRITTEN, &millis(now))]);
        let request = self.place.creation_of(new, handle, &record, fields, now, None, Some(old));
        Ok(layout::string(self.place.ask(Call::Write, &request).await?)? == "done")
    }

    /// Ends a record; tells whether one was there that lived, or, if only such were asked for, one that was over.
    pub(crate) async fn end_in_cluster(&self, digest: &str, end: End<'_>, now: Timestamp) -> Result<bool, StoreError> {
        let request = self.place.end(digest, end, None, now);
        let ended = Ended::read(self.place.ask(Call::Write, &request).await?)?;
        if let Some((handle, written, user)) = &ended.entry {
            overlooked(self.leave(digest, handle, Some(written), user.as_deref()).await);
        }
        Ok(ended.was_there)
    }

    /// Puts a session into the indexes.
    async fn enter(
        &self,
        digest: &str,
        handle: &str,
        user: Option<&str>,
        absolute_end: Timestamp,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let member = Member { handle: handle.into(), digest: digest.into(), written: millis(now) };
        let page = names::page(&self.place.prefix, names::shard(handle));
        let to_all = Request::command("ZADD").key(page).arg("0").arg(member.text());
        let of_user = async {
            match user {
                Some(user) => self.enter_user(digest, user, absolute_end, now).await,
                None => Ok(()),
            }
        };
        try_join(self.place.ask(Call::Write, &to_all), of_user).await.map(drop)
    }

    async fn enter_user(
        &self,
        digest: &str,
        user: &str,
        absolute_end: Timestamp,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let index = names::user(&self.place.prefix, user);
        let request = Request::script(&INDEX).key(index).arg(digest).arg(millis(now));
        let request = request.arg(millis(absolute_end)).arg(margin());
        self.place.ask(Call::Write, &request).await.map(drop)
    }

    /// Takes what has ended out of the indexes.
    async fn leave(
        &self,
        digest: &str,
        handle: &str,
        written: Option<&str>,
        user: Option<&str>,
    ) -> Result<(), StoreError> {
        let mut requests = Vec::new();
        if let Some(written) = written {
            let member = Member { handle: handle.into(), digest: digest.into(), written: written.into() };
            let page = names::page(&self.place.prefix, names::shard(handle));
            requests.push(Request::command("ZREM").key(page).arg(member.text()));
        }
        if let Some(user) = user {
            requests.push(Request::command("ZREM").key(names::user(&self.place.prefix, user)).arg(digest));
        }
        // Nobody waits for replicas to know this.
        let asked = requests.iter().map(|request| self.place.server.ask(Call::Write, request, None));
        try_join_all(asked).await.map(drop)
    }
}

/// What has failed here is made up for later.
pub(crate) fn overlooked<T>(result: Result<T, StoreError>) {
    if let Err(error) = result {
        tracing::debug!(error = &error as &dyn std::error::Error, "an index of sessions is left for later");
    }
}
