//! The sequential model: what a session is, one step after the other.

use std::collections::BTreeMap;

use super::operation::{Kind, Name, Operation};
use super::plan::{ABSOLUTE, IDLE};
use super::record::{Answer, Change, Datum, Loaded, Snapshot, Span, Write};
use super::service::appended;
use super::violation::Violation;
use cloakroom::Timestamp;
use cloakroom::store::SUPERSEDED_FOR;

/// A session between two steps.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct State {
    life: Life,
    data: BTreeMap<String, Datum>,
    user: Option<String>,
    ends: Ends,
    /// The id before, and from when on it may be forgotten.
    previous: Option<(Name, Timestamp)>,
    revoked: bool,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
enum Life {
    #[default]
    Unborn,
    Lives(Name),
    Ended,
}

/// When a session ends. Requests look at the clock a moment before the store acts, so there are bounds only, which are the
/// same while the clock stands still.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Ends {
    idle: (Timestamp, Timestamp),
    absolute: (Timestamp, Timestamp),
    /// It was touched then or before.
    touched: Timestamp,
}

/// Why a step can't be the next one.
#[derive(Clone, Debug, PartialEq)]
pub struct Objection {
    /// What it would show.
    pub violation: Violation,
    /// How.
    pub detail: String,
    /// The key whose value is not as it should be, and as it should be.
    pub key: Option<(String, Option<Datum>)>,
}

impl Objection {
    fn new(violation: Violation, detail: impl Into<String>) -> Objection {
        Objection { violation, detail: detail.into(), key: None }
    }
}

type Next = Result<State, Objection>;

impl State {
    /// What a step makes of it, if it can be the next one.
    ///
    /// # Errors
    ///
    /// Why it can't be.
    pub fn after(&self, operation: &Operation) -> Next {
        let span = &operation.span;
        match &operation.kind {
            Kind::Create { name, write, answer } => self.created(*name, write, answer, span),
            Kind::Load(name, loaded) => self.loaded(*name, loaded, span),
            Kind::Write { name, to, write, answer } => self.written(*name, *to, write, answer, span),
            Kind::Touch { name, certain } => Ok(self.touched(*name, *certain, span)),
            Kind::End { name, user, answer } => self.ended(*name, user.as_deref(), answer, span),
            Kind::Revoke { user, told, .. } => self.revoked(user, *told, span),
        }
    }

    fn created(&self, name: Name, write: &Write, answer: &Answer, span: &Span) -> Next {
        if self.life != Life::Unborn {
            return Err(Objection::new(Violation::Resurrection, "it begins a second time"));
        }
        let mut new = State { life: Life::Lives(name), user: write.user.clone(), ..State::default() };
        new.ends = Ends::begin(span);
        new.change(&write.changes, answer)?;
        Ok(new)
    }

    fn loaded(&self, name: Name, loaded: &Loaded, span: &Span) -> Next {
        match loaded {
            Loaded::Found(found) => {
                self.can_serve(name, span)?;
                self.compare(found)?;
            }
            Loaded::Empty => self.can_miss(name, span)?,
        }
        Ok(self.clone())
    }

    fn compare(&self, found: &Snapshot) -> Result<(), Objection> {
        let keys = self.data.keys().chain(found.data.keys());
        if let Some(key) = keys.into_iter().find(|key| self.data.get(*key) != found.data.get(*key)) {
            let (is, should) = (found.data.get(key), self.data.get(key));
            let violation = if key.starts_with('t') { Violation::LostWrite } else { Violation::LostUpdate };
            let detail = format!("{key} is {}, and should be {}", or_nothing(is), or_nothing(should));
            return Err(Objection { key: Some((key.clone(), should.cloned())), ..Objection::new(violation, detail) });
        }
        if self.user != found.user {
            let detail = format!("the user is {:?}, and should be {:?}", found.user, self.user);
            return Err(Objection::new(Violation::WrongUser, detail));
        }
        Ok(())
    }

    fn written(&self, name: Name, to: Option<Name>, write: &Write, answer: &Answer, span: &Span) -> Next {
        if *answer == Answer::Refused {
            self.can_miss(name, span)?;
            return Ok(self.clone());
        }
        self.can_serve(name, span)?;
        let mut new = self.clone();
        new.change(&write.changes, answer)?;
        new.ends.touch(span);
        if let Some(to) = to {
            new.life = Life::Lives(to);
            new.previous = Some((name, span.from + SUPERSEDED_FOR));
        }
        if let Some(user) = &write.user {
            new.user = Some(user.clone());
            new.ends = Ends::begin(span);
        }
        Ok(new)
    }

    /// Makes changes, of which the last may tell what came of it.
    fn change(&mut self, changes: &[Change], answer: &Answer) -> Result<(), Objection> {
        for change in changes {
            match change {
                Change::Set(key, value) => drop(self.data.insert(key.clone(), Datum::Text(value.clone()))),
                Change::Unset(key) => drop(self.data.remove(key)),
                Change::Clear => self.data.clear(),
                Change::Add(key, by) => {
                    let before = match self.data.get(key) {
                        Some(Datum::Number(number)) => *number,
                        _ => 0,
                    };
                    self.data.insert(key.clone(), Datum::Number(before + by));
                }
                Change::Append(key, entry) => {
                    let list = match self.data.get(key) {
                        Some(Datum::Text(list)) => Some(list.as_str()),
                        _ => None,
                    };
                    let list = appended(list, entry);
                    self.data.insert(key.clone(), Datum::Text(list));
                }
            }
        }
        let told = match (changes.last(), answer) {
            (Some(Change::Add(key, _) | Change::Append(key, _)), Answer::Done(Some(told))) => Some((key, told)),
            _ => None,
        };
        match told {
            Some((key, told)) if self.data.get(key) != Some(told) => {
                let should = self.data.get(key).cloned();
                let detail = format!("{key} was told to be {told}, and should be {}", or_nothing(should.as_ref()));
                let objection = Objection::new(Violation::LostUpdate, detail);
                Err(Objection { key: Some((key.clone(), should)), ..objection })
            }
            _ => Ok(()),
        }
    }

    /// A touch never fails: without a session there is nothing to touch.
    fn touched(&self, name: Name, certain: bool, span: &Span) -> State {
        let mut new = self.clone();
        if self.can_serve(name, span).is_ok() {
            // Where it may just have ended, nobody is told whether the touch came in time.
            let least = self.ends.idle.0;
            new.ends.touch(span);
            if !certain || span.to >= self.ends.least() {
                new.ends.idle.0 = least;
            }
        }
        new
    }

    fn ended(&self, name: Name, user: Option<&str>, answer: &Answer, span: &Span) -> Next {
        if *answer == Answer::Refused {
            self.can_miss(name, span)?;
            return Ok(self.clone());
        }
        match &self.life {
            Life::Lives(now) if *now == name || (user.is_some() && user == self.user.as_deref()) => {
                Ok(State { life: Life::Ended, revoked: false, ..self.clone() })
            }
            Life::Lives(_) if self.remembers(name, span) && span.to < self.ends.least() => {
                Err(Objection::new(Violation::LogOutIgnored, "the session lives on under its new id"))
            }
            _ => Ok(self.clone()),
        }
    }

    /// Whether a look-up by this id is known to tell that it was rotated away.
    fn remembers(&self, name: Name, span: &Span) -> bool {
        self.previous.is_some_and(|(previous, until)| previous == name && span.to < until)
    }

    fn revoked(&self, user: &str, told: Option<bool>, span: &Span) -> Next {
        let lives = matches!(self.life, Life::Lives(_)) && self.user.as_deref() == Some(user);
        match told {
            Some(true) if !lives || span.from >= self.ends.most() => {
                Err(Objection::new(Violation::WrongRevocation, "a session was ended that was not there"))
            }
            Some(false) if lives && span.to < self.ends.least() => {
                Err(Objection::new(Violation::WrongRevocation, "a session that lives was not ended"))
            }
            Some(false) => Ok(self.clone()),
            _ if lives => Ok(State { life: Life::Ended, revoked: true, ..self.clone() }),
            _ => Ok(self.clone()),
        }
    }

    /// That there is a session under this id now.
    fn can_serve(&self, name: Name, span: &Span) -> Result<(), Objection> {
        match &self.life {
            Life::Unborn => Err(Objection::new(Violation::PhantomWrite, "a session that does not exist yet")),
            Life::Ended if self.revoked => Err(Objection::new(Violation::Resurrection, "the session was revoked")),
            Life::Ended => Err(Objection::new(Violation::Resurrection, "the session was ended")),
            Life::Lives(now) if *now != name => {
                Err(Objection::new(Violation::OldIdAlive, "the session was given another id"))
            }
            Life::Lives(_) if span.from >= self.ends.most() => {
                let over = span.from.since(self.ends.most()).as_secs();
                Err(Objection::new(Violation::ExpiredServed, format!("it was over for {over} s")))
            }
            Life::Lives(_) => Ok(()),
        }
    }

    /// That there may be no session under this id now.
    fn can_miss(&self, name: Name, span: &Span) -> Result<(), Objection> {
        match &self.life {
            Life::Lives(now) if *now == name && span.to < self.ends.least() => {
                let left = self.ends.least().since(span.to).as_secs();
                let detail = format!("nobody has ended it, and it lives for another {left} s");
                Err(Objection::new(Violation::LiveSessionLost, detail))
            }
            _ => Ok(()),
        }
    }
}

impl Default for Ends {
    fn default() -> Ends {
        let zero = Timestamp::from_millis(0);
        Ends { idle: (zero, zero), absolute: (zero, zero), touched: zero }
    }
}

impl Ends {
    fn begin(span: &Span) -> Ends {
        Ends {
            idle: (span.from + IDLE, span.to + IDLE),
            absolute: (span.from + ABSOLUTE, span.to + ABSOLUTE),
            touched: span.to,
        }
    }

    /// It may have been touched. It was for sure, where the last time was long enough ago.
    fn touch(&mut self, span: &Span) {
        if span.from >= self.touched + IDLE / 10 {
            self.idle.0 = self.idle.0.max(span.from + IDLE);
        }
        self.idle.1 = self.idle.1.max(span.to + IDLE);
        self.touched = self.touched.max(span.to);
    }

    /// Until then it lives.
    fn least(&self) -> Timestamp {
        self.idle.0.min(self.absolute.0)
    }

    /// From then on it does not.
    fn most(&self) -> Timestamp {
        self.idle.1.min(self.absolute.1)
    }
}

impl std::fmt::Display for Datum {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Datum::Number(number) => write!(f, "{number}"),
            Datum::Text(text) => write!(f, "{text:?}"),
        }
    }
}

fn or_nothing(datum: Option<&Datum>) -> String {
    datum.map_or_else(|| "not there".to_owned(), Datum::to_string)
}
