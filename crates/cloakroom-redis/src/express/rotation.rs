//! A new id for a session. It is the key, so the old session is ended and a new one is made.

use cloakroom::Timestamp;
use cloakroom::record::{Patch, StoreKey};
use cloakroom::store::{Guard, Rotated, SUPERSEDED_FOR, StoreError, Written};

use super::ExpressStore;
use super::store::{Step, remembered_until};
use super::text::{self, Next, Stored};
use super::turnstile::pause;
use crate::error::{self, Call};
use crate::layout::{self, millis};
use crate::script::{EXPRESS_END, EXPRESS_RELEASE, EXPRESS_RESERVE, Request};

/// How long an id is kept for a rotation, in milliseconds. The rotation has ended long before.
const RESERVED_FOR: &str = "60000";

/// What became of an attempt.
enum Turned {
    Done,
    Taken,
    /// What was read has changed since.
    Again,
}

impl ExpressStore {
    pub(super) async fn rotate_now(
        &self,
        old: &StoreKey,
        new: &StoreKey,
        patch: &Patch,
        guard: &Guard,
        now: Timestamp,
    ) -> Result<Rotated, StoreError> {
        let _turn = self.turnstiles.pass(old).await;
        let previous = text::handle(old.plain());
        let mut attempt = 0;
        loop {
            let (before, next) = match self.step(old, patch, guard, Some(previous.as_str()), now).await? {
                Step::Next(before, next) => (before, next),
                Step::Gone => return Ok(Rotated::Gone),
                Step::Conflict => return Ok(Rotated::Conflict),
                Step::WrongType => return Ok(Rotated::WrongType),
            };
            let turned = if self.place.is_cluster() {
                self.turn_in_steps(old, new, &before, &next, now).await?
            } else {
                self.turn_at_once(old, new, &before, &next, now).await?
            };
            match turned {
                Turned::Done => {
                    let written = Written::new(next.token, next.numbers);
                    return Ok(Rotated::Done { written, handle: text::handle(new.plain()) });
                }
                Turned::Taken => return Ok(Rotated::Taken),
                Turned::Again => pause(old, attempt).await,
            }
            attempt += 1;
        }
    }

    async fn turn_at_once(
        &self,
        old: &StoreKey,
        new: &StoreKey,
        before: &Stored,
        next: &Next,
        now: Timestamp,
    ) -> Result<Turned, StoreError> {
        let request = self.with_keys(self.ending(old), new.plain());
        let request = self.told(request, before, new, now).arg(next.text.as_str()).arg(next.removal.to_string());
        self.turned(&request).await
    }

    /// Where both ids can't be reached in one step: should this process die in between, the session is over, and never there
    /// twice.
    async fn turn_in_steps(
        &self,
        old: &StoreKey,
        new: &StoreKey,
        before: &Stored,
        next: &Next,
        now: Timestamp,
    ) -> Result<Turned, StoreError> {
        let reserve = self.with_keys(Request::script(&EXPRESS_RESERVE), new.plain());
        let reserve = reserve.arg(old.plain()).arg(RESERVED_FOR);
        if layout::string(self.place.ask(Call::Write, &reserve).await?)? == "taken" {
            return Ok(Turned::Taken);
        }
        let request = self.told(self.ending(old), before, new, now);
        match self.turned(&request).await? {
            Turned::Done => {}
            refused => {
                let release = self.with_keys(Request::script(&EXPRESS_RELEASE), new.plain()).arg(old.plain());
                self.place.ask(Call::Write, &release).await?;
                return Ok(refused);
            }
        }
        // From here on the old id is dead.
        match self.make(new.plain(), next, Some(old.plain())).await.map_err(error::half_done)? {
            true => Ok(Turned::Done),
            false => Err(error::half_done(error::corrupt("a reserved key"))),
        }
    }

    fn ending(&self, old: &StoreKey) -> Request {
        self.with_keys(Request::script(&EXPRESS_END), old.plain())
    }

    fn told(&self, request: Request, before: &Stored, new: &StoreKey, now: Timestamp) -> Request {
        let request = request.arg(before.text.as_str()).arg(millis(remembered_until(now)));
        request.arg(new.plain()).arg(millis(now + SUPERSEDED_FOR))
    }

    async fn turned(&self, request: &Request) -> Result<Turned, StoreError> {
        let answer = layout::list(self.place.ask(Call::Write, request).await?)?.into_iter().next();
        Ok(match layout::string(answer.unwrap_or_default())?.as_str() {
            "1" => Turned::Done,
            "taken" => Turned::Taken,
            _ => Turned::Again,
        })
    }
}
