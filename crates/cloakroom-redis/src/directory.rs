//! Whose sessions there are.

use std::collections::BTreeMap;

use cloakroom::Timestamp;
use cloakroom::record::{Handle, UserId};
use cloakroom::store::{Directory, Entry, StoreError, StoreFuture};
use futures_util::future::try_join_all;
use redis::Value as Reply;

use crate::RedisStore;
use crate::cluster_steps::overlooked;
use crate::error::Call;
use crate::layout::{self, Fields, millis};
use crate::names::{self, Member, SHARDS};
use crate::script::{ENTRY, HEAL, PAGE, Request, TIDY, USER};
use crate::store::End;

/// Who looks later than this after an entry was written and finds no session knows that none will come, in milliseconds.
const GRACE: i64 = 60_000;

/// So many entries of each part of the index are looked at in passing.
const LOOKS: usize = 128;

/// So many are looked at in a call of `sweep`, at least.
const SWEPT_LOOKS: usize = 1_000;

/// So many rotations are followed, between the look at an index and that at the session.
const ROTATIONS: usize = 16;

/// Where a session is.
enum Whereabouts {
    /// Under this digest.
    Under(String),
    /// Taken from the first, and not yet made under the second.
    Between(String, String),
}

impl Directory for RedisStore {
    fn list<'a>(&'a self, user: &'a UserId, now: Timestamp) -> StoreFuture<'a, Vec<Entry>> {
        StoreFuture::new(self.place.within(async move {
            let mut entries = if self.place.is_cluster() {
                self.sessions_of(user, now).await?.into_iter().map(|(_, entry)| entry).collect()
            } else {
                let told = self.place.ask(Call::Read, &self.of_user(user, now, "list", None, None)).await?;
                entries(told)?
            };
            entries.sort_by_key(|entry| std::cmp::Reverse(entry.seen));
            Ok(entries)
        }))
    }

    fn count<'a>(&'a self, user: &'a UserId, now: Timestamp) -> StoreFuture<'a, u64> {
        StoreFuture::new(self.place.within(async move {
            if self.place.is_cluster() {
                return Ok(self.sessions_of(user, now).await?.len() as u64);
            }
            count(&self.place.ask(Call::Read, &self.of_user(user, now, "count", None, None)).await?)
        }))
    }

    fn revoke<'a>(&'a self, user: &'a UserId, handle: &'a Handle, now: Timestamp) -> StoreFuture<'a, bool> {
        if !names::is_handle(handle) {
            return StoreFuture::ready(Ok(false));
        }
        StoreFuture::new(self.place.within(async move {
            if self.place.is_cluster() {
                return Ok(self.end_of(user, |mine| mine == handle, now).await? > 0);
            }
            let request = self.of_user(user, now, "revoke", Some(handle), None);
            Ok(count(&self.place.ask(Call::Write, &request).await?)? > 0)
        }))
    }

    fn revoke_all<'a>(&'a self, user: &'a UserId, except: Option<&'a Handle>, now: Timestamp) -> StoreFuture<'a, u64> {
        StoreFuture::new(self.place.within(async move {
            if self.place.is_cluster() {
                return self.end_of(user, |mine| Some(mine) != except, now).await;
            }
            let request = self.of_user(user, now, "revoke", None, except);
            count(&self.place.ask(Call::Write, &request).await?)
        }))
    }

    fn page<'a>(&'a self, after: Option<&'a Handle>, limit: usize, now: Timestamp) -> StoreFuture<'a, Vec<Entry>> {
        if limit == 0 {
            return StoreFuture::ready(Ok(Vec::new()));
        }
        StoreFuture::new(self.place.within(async move {
            if self.place.is_cluster() {
                return self.page_in_cluster(after, limit, now).await;
            }
            let request = Request::script(&PAGE).arg(&*self.place.prefix).arg(names::behind(after));
            let told = self.place.ask(Call::Read, &request.arg(limit.to_string()).arg(millis(now))).await?;
            entries(told)
        }))
    }
}

impl RedisStore {
    fn of_user(
        &self,
        user: &UserId,
        now: Timestamp,
        what: &str,
        only: Option<&Handle>,
        spared: Option<&Handle>,
    ) -> Request {
        let handle = |handle: Option<&Handle>| handle.map(|handle| handle.as_str().to_owned()).unwrap_or_default();
        Request::script(&USER)
            .key(names::user(&self.place.prefix, user.as_str()))
            .arg(&*self.place.prefix)
            .arg(user.as_str())
            .arg(millis(now))
            .arg(what)
            .arg(handle(only))
            .arg(handle(spared))
    }

    /// Removes some of what is over.
    pub(crate) async fn sweep_now(&self, limit: usize, now: Timestamp) -> Result<usize, StoreError> {
        let (mut taken, from) = (0, names::new_handle()?);
        let looks = (limit / SHARDS.len() + 1).clamp(SWEPT_LOOKS / SHARDS.len(), SWEPT_LOOKS);
        for shard in SHARDS {
            if taken >= limit {
                break;
            }
            let from = format!("{shard}{}", &from[1..]);
            taken += self.tidy(&from, looks, limit - taken, now).await?;
        }
        Ok(taken)
    }

    /// Looks through a part of the index, while the caller goes on.
    pub(crate) fn tidy_aside(&self, from: String, now: Timestamp) {
        let store = self.clone();
        tokio::spawn(async move {
            overlooked(store.place.within(store.tidy(&from, LOOKS, LOOKS, now)).await);
        });
    }

    /// Removes what is over among so many entries from a handle on, in its part of the index; tells how many sessions.
    async fn tidy(&self, from: &str, looks: usize, limit: usize, now: Timestamp) -> Result<usize, StoreError> {
        if !self.place.is_cluster() {
            let request = Request::script(&TIDY).arg(&*self.place.prefix).arg(from).arg(looks.to_string());
            let told = self.place.ask(Call::Write, &request.arg(limit.to_string()).arg(millis(now))).await?;
            return Ok(usize::try_from(layout::number(&told)?).unwrap_or(0));
        }
        let shard = names::shard(from);
        let mut members = self.members(shard, format!("[{from}").into_bytes(), b"+".to_vec(), looks).await?;
        let rest = looks - members.len().min(looks);
        if rest > 0 {
            members.extend(self.members(shard, b"-".to_vec(), format!("({from}").into_bytes(), rest).await?);
        }
        let mut taken = 0;
        for (member, fields) in self.records_of(members, now).await? {
            if taken < limit && !is_live(&fields, now)? {
                taken += usize::from(self.end_in_cluster(&member.digest, End::Over, now).await?);
            }
        }
        Ok(taken)
    }

    /// The sessions of a user, and where each is.
    async fn sessions_of(&self, user: &UserId, now: Timestamp) -> Result<Vec<(Whereabouts, Entry)>, StoreError> {
        let sessions = self.whereabouts(user, now).await?.into_values();
        Ok(sessions.filter_map(|(whereabouts, entry)| entry.map(|entry| (whereabouts, entry))).collect())
    }

    /// The same by their handles, and those that are being rotated, of which nothing else can be told.
    async fn whereabouts(
        &self,
        user: &UserId,
        now: Timestamp,
    ) -> Result<BTreeMap<Handle, (Whereabouts, Option<Entry>)>, StoreError> {
        let index = names::user(&self.place.prefix, user.as_str());
        let request = Request::command("ZRANGE").key(index.clone()).arg("0").arg("-1").arg("WITHSCORES");
        let scored = scored(self.place.ask(Call::Read, &request).await?)?;
        let traced = try_join_all(scored.iter().map(|(digest, _)| self.trace(digest))).await?;
        let (mut sessions, mut strangers) = (BTreeMap::new(), Vec::new());
        for ((digest, written), traced) in scored.into_iter().zip(traced) {
            let of_user = match &traced {
                Some((_, fields)) => fields.user()?.as_ref() == Some(user),
                None => false,
            };
            if let (Some((whereabouts, fields)), true) = (traced, of_user) {
                let handle = fields.handle()?;
                if let Whereabouts::Under(_) = whereabouts {
                    if is_live(&fields, now)? {
                        // While it gets another id, it may be found by both.
                        let entry = Entry::new(handle.clone(), &fields.record()?);
                        sessions.insert(handle, (whereabouts, Some(entry)));
                    }
                } else {
                    sessions.entry(handle).or_insert((whereabouts, None));
                }
            } else if now.as_millis().saturating_sub(written) > GRACE {
                strangers.push((digest, written));
            }
        }
        if !strangers.is_empty() {
            let request =
                strangers.into_iter().fold(Request::script(&HEAL).key(index), |request, (digest, written)| {
                    request.arg(digest).arg(written.to_string())
                });
            overlooked(self.place.server.ask(Call::Write, &request, None).await);
        }
        Ok(sessions)
    }

    /// Where the session of a digest is by now, and what stands there.
    async fn trace(&self, digest: &str) -> Result<Option<(Whereabouts, Fields)>, StoreError> {
        let (mut digest, mut fields) = (digest.to_owned(), self.entry(digest).await?);
        for _ in 0..ROTATIONS {
            if fields.is_record() {
                return Ok(Some((Whereabouts::Under(digest), fields)));
            }
            let Some(new) = fields.text(layout::NEXT)?.map(str::to_owned) else { return Ok(None) };
            let next = self.entry(&new).await?;
            if next.text(layout::RESERVED)? == Some(&digest) && fields.text(layout::HANDLE)?.is_some() {
                return Ok(Some((Whereabouts::Between(digest, new), fields)));
            }
            (digest, fields) = (new, next);
        }
        Ok(None)
    }

    /// Ends those of a user's sessions whose handle is meant, until there is none: one may get another id meanwhile. One that gets
    /// it this very moment gets none.
    async fn end_of(&self, user: &UserId, meant: impl Fn(&Handle) -> bool, now: Timestamp) -> Result<u64, StoreError> {
        let mut ended = 0;
        loop {
            let sessions = self.whereabouts(user, now).await?;
            let meant = sessions.iter().filter(|(handle, _)| meant(handle));
            let ends = meant.map(|(_, (whereabouts, _))| async move {
                match whereabouts {
                    Whereabouts::Under(digest) => self.end_in_cluster(digest, End::Of(user.as_str()), now).await,
                    Whereabouts::Between(old, new) => self.release(new, old).await,
                }
            });
            let ends = try_join_all(ends).await?;
            if ends.is_empty() {
                return Ok(ended);
            }
            ended += ends.iter().filter(|was_there| **was_there).count() as u64;
        }
    }

    async fn page_in_cluster(
        &self,
        after: Option<&Handle>,
        limit: usize,
        now: Timestamp,
    ) -> Result<Vec<Entry>, StoreError> {
        let mut page = BTreeMap::new();
        for shard in SHARDS {
            let mut from = names::behind(after);
            while page.len() < limit {
                let members = self.members(shard, from, b"+".to_vec(), limit - page.len()).await?;
                let Some(last) = members.last() else { break };
                from = format!("({}", last.text()).into_bytes();
                for (_, fields) in self.records_of(members, now).await? {
                    if is_live(&fields, now)? {
                        let entry = Entry::new(fields.handle()?, &fields.record()?);
                        page.insert(entry.handle.clone(), entry);
                    }
                }
            }
        }
        Ok(page.into_values().collect())
    }

    /// Some entries of a part of the index.
    async fn members(&self, shard: char, from: Vec<u8>, to: Vec<u8>, limit: usize) -> Result<Vec<Member>, StoreError> {
        let request = Request::command("ZRANGEBYLEX").key(names::page(&self.place.prefix, shard)).arg(from).arg(to);
        let request = request.arg("LIMIT").arg("0").arg(limit.to_string());
        let told = layout::list(self.place.ask(Call::Read, &request).await?)?;
        let members = told.into_iter().map(|member| layout::string(member).map(|member| Member::parse(&member)));
        Ok(members.collect::<Result<Vec<_>, _>>()?.into_iter().flatten().collect())
    }

    /// The records that these entries are of. An entry of none is removed, unless it was written a moment ago.
    async fn records_of(&self, members: Vec<Member>, now: Timestamp) -> Result<Vec<(Member, Fields)>, StoreError> {
        let read = try_join_all(members.iter().map(|member| self.entry(&member.digest))).await?;
        let (mut records, mut removals) = (Vec::new(), Vec::new());
        for (member, fields) in members.into_iter().zip(read) {
            // Of two who make a record under one key, each has written an entry.
            let is_its = fields.text(layout::HANDLE)? == Some(&member.handle)
                && fields.text(layout::WRITTEN)? == Some(&member.written);
            if is_its {
                records.push((member, fields));
            } else if now.as_millis().saturating_sub(member.written.parse().unwrap_or(0)) > GRACE {
                let page = names::page(&self.place.prefix, names::shard(&member.handle));
                removals.push(Request::command("ZREM").key(page).arg(member.text()));
            }
        }
        let removed = removals.iter().map(|removal| self.place.server.ask(Call::Write, removal, None));
        overlooked(try_join_all(removed).await);
        Ok(records)
    }

    /// What stands under a digest, but for the data.
    async fn entry(&self, digest: &str) -> Result<Fields, StoreError> {
        let request = Request::script(&ENTRY).key(self.place.key_of(digest));
        Fields::read(self.place.ask(Call::Read, &request).await?)
    }
}

fn is_live(fields: &Fields, now: Timestamp) -> Result<bool, StoreError> {
    Ok(now < fields.time(layout::IDLE_END)?.min(fields.time(layout::ABSOLUTE_END)?))
}

/// The entries that a script tells.
fn entries(told: Reply) -> Result<Vec<Entry>, StoreError> {
    let entry = |fields: Fields| Ok(Entry::new(fields.handle()?, &fields.record()?));
    layout::list(told)?.into_iter().map(|fields| Fields::read(fields).and_then(entry)).collect()
}

fn count(told: &Reply) -> Result<u64, StoreError> {
    Ok(u64::try_from(layout::number(told)?).unwrap_or(0))
}

/// Members and scores, as either protocol has them.
fn scored(told: Reply) -> Result<Vec<(String, i64)>, StoreError> {
    let mut pairs = Vec::new();
    for pair in layout::list(told)? {
        let mut pair = layout::list(pair)?.into_iter();
        let member = layout::string(pair.next().unwrap_or_default())?;
        let score = match pair.next().unwrap_or_default() {
            #[allow(clippy::cast_possible_truncation, reason = "milliseconds, which a double has exactly")]
            Reply::Double(score) => score as i64,
            other => layout::string(other)?.parse().unwrap_or(0),
        };
        pairs.push((member, score));
    }
    Ok(pairs)
}
