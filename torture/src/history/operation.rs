//! From what was seen to operations on sessions, each a step of the sequential model that takes place somewhere between
//! its beginning and its end.

use std::collections::{BTreeMap, BTreeSet};

use super::record::{Answer, Call, Commit, Datum, Exchange, History, Loaded, Revoke, Span, Ticket, Write};
use super::violation::{Finding, Violation};

/// An id of a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Name {
    /// That of a ticket that a client was given.
    Issued(usize),
    /// One that a request has made and nobody was told of: the request, and how many it had made before.
    Hidden(usize, usize),
}

/// One step of the model.
#[derive(Clone, Debug)]
pub struct Operation {
    /// It takes place in between.
    pub span: Span,
    /// The request that it is a part of.
    pub exchange: usize,
    /// What it does.
    pub kind: Kind,
}

/// What a step does.
#[derive(Clone, Debug)]
pub enum Kind {
    /// A session begins.
    Create {
        /// Its id.
        name: Name,
        /// What it begins with.
        write: Write,
        /// What came of it; it is not refused.
        answer: Answer,
    },
    /// It is looked for under an id.
    Load(Name, Loaded),
    /// It is changed, and maybe given another id.
    Write {
        /// The id that it is to have.
        name: Name,
        /// The id that it is to be given.
        to: Option<Name>,
        /// The changes.
        write: Write,
        /// What came of it.
        answer: Answer,
    },
    /// It is touched, if it is there and that is due.
    Touch {
        /// The id that it is to have.
        name: Name,
        /// Whether all went well.
        certain: bool,
    },
    /// It is ended.
    End {
        /// The id that it is to have.
        name: Name,
        /// Its user, if it is looked for by that as well, since it may have another id now.
        user: Option<String>,
        /// What came of it.
        answer: Answer,
    },
    /// It is ended because it is of a user.
    Revoke {
        /// The user.
        user: String,
        /// Whether it was there; none if that was not told.
        told: Option<bool>,
        /// It may be done or not.
        unknown: bool,
    },
}

impl Operation {
    /// It may never take place.
    pub fn is_optional(&self) -> bool {
        match &self.kind {
            Kind::Create { answer, .. } | Kind::Write { answer, .. } | Kind::End { answer, .. } => {
                *answer == Answer::Unknown
            }
            Kind::Revoke { unknown, .. } => *unknown,
            Kind::Load(..) | Kind::Touch { .. } => false,
        }
    }

    /// By when it has taken place. What was not acknowledged may do so whenever.
    pub fn end(&self) -> u64 {
        if self.is_optional() { u64::MAX } else { self.span.end }
    }

    /// What it writes, if it may have written it.
    pub fn written(&self) -> Option<&Write> {
        match &self.kind {
            Kind::Create { write, .. } => Some(write),
            Kind::Write { write, answer, .. } if *answer != Answer::Refused => Some(write),
            _ => None,
        }
    }
}

/// All that happened to one session, under all its ids.
pub type Life = Vec<Operation>;

/// The lives of all sessions of a history that any client knew of.
///
/// # Errors
///
/// What is wrong by itself, whatever the order of events.
pub fn lives(history: &History) -> Result<Vec<Life>, Finding> {
    let mut sorter = Sorter { keeps_handles: history.keeps_handles, ..Sorter::default() };
    for (number, exchange) in history.exchanges.iter().enumerate() {
        sorter.take(number, exchange)?;
    }
    sorter.sort_revocations(history);
    Ok(sorter.lives.into_values().filter(is_known).collect())
}

/// A session whose beginning was not told to anybody is of no interest, and could not be looked for either.
fn is_known(life: &Life) -> bool {
    life.iter().any(|operation| matches!(operation.kind, Kind::Load(..)))
}

/// Sorts operations by the session that they are about. A session goes by the first id that it was seen with.
#[derive(Default)]
struct Sorter {
    keeps_handles: bool,
    lives: BTreeMap<Name, Life>,
    first_names: BTreeMap<Name, Name>,
    revocations: Vec<(usize, Span, Revoke, Answer)>,
}

/// Where a request's session stands.
struct Cursor {
    number: usize,
    name: Option<Name>,
    /// Whose it was when it was loaded, or last written.
    user: Option<String>,
    /// The id was made by this request.
    made: bool,
    hidden: usize,
    /// The ticket in the response, by which a hidden name is known.
    issued: Option<usize>,
    makes: usize,
}

impl Cursor {
    /// The id that the request makes next. The last one is that of the ticket which it issues.
    fn make(&mut self) -> Name {
        self.hidden += 1;
        self.made = true;
        match self.issued {
            Some(ticket) if self.hidden == self.makes => Name::Issued(ticket),
            _ => Name::Hidden(self.number, self.hidden),
        }
    }
}

impl Sorter {
    fn take(&mut self, number: usize, exchange: &Exchange) -> Result<(), Finding> {
        let issued = exchange.response.as_ref().and_then(|response| match response.ticket {
            Ticket::New(ticket) => Some(ticket),
            Ticket::Stays | Ticket::Removed => None,
        });
        let makes = exchange.writes().filter(|(write, answer)| makes_id(write, answer)).count();
        if exchange.response.as_ref().is_some_and(|response| response.status == 200) {
            let due =
                exchange.writes().fold(false, |due, (write, answer)| (due && !write.ends) || makes_id(write, &answer));
            if due != issued.is_some() {
                let detail = if due { "none was issued, and one was due" } else { "one was issued, and none was due" };
                return Err(Finding::new(Violation::WrongTicket, number, detail));
            }
        }
        let name = exchange.ticket.map(Name::Issued);
        let mut cursor = Cursor { number, name, user: None, made: false, hidden: 0, issued, makes };
        for step in &exchange.steps {
            match &step.call {
                Call::Load(None) => {}
                Call::Load(Some(loaded)) => {
                    if let Loaded::Found(found) = loaded {
                        cursor.user = found.user.clone();
                    }
                    if let Some(name) = cursor.name {
                        self.push(name, operation(&cursor, step.span, Kind::Load(name, loaded.clone())));
                    } else if *loaded != Loaded::Empty {
                        let detail = "a session without a ticket";
                        return Err(Finding::new(Violation::ForeignRead, number, detail));
                    }
                }
                Call::Write(_, Answer::Unexpected(error)) | Call::Revoke(_, Answer::Unexpected(error)) => {
                    return Err(Finding::new(Violation::UnexpectedAnswer, number, error.clone()));
                }
                Call::Write(write, answer) => self.write(&mut cursor, step.span, write, answer),
                Call::Revoke(revoke, answer) => {
                    self.revocations.push((number, step.span, revoke.clone(), answer.clone()));
                }
            }
        }
        if let Some(commit) = &exchange.commit {
            let answer = exchange.commit_answer(number, commit)?;
            self.write(&mut cursor, commit.span, &commit.write, &answer);
        }
        Ok(())
    }

    fn write(&mut self, cursor: &mut Cursor, span: Span, write: &Write, answer: &Answer) {
        if write.ends
            && let Some(name) = cursor.name
        {
            let mut user = cursor.user.take();
            if !self.keeps_handles
                && let Some(user) = user.take()
            {
                // Its handle may be the same all the same, and then it is found by that.
                let found = Kind::Revoke { user, told: None, unknown: true };
                self.push(name, operation(cursor, span, found));
            }
            self.push(name, operation(cursor, span, Kind::End { name, user, answer: answer.clone() }));
        }
        if write.user.is_some() && matches!(answer, Answer::Done(_)) {
            cursor.user = write.user.clone();
        }
        let (write, answer) = (write.clone(), answer.clone());
        if write.lives {
            let Some(name) = cursor.name else { return };
            if !write.is_more_than_a_touch() {
                let certain = answer == Answer::Done(None);
                self.push(name, operation(cursor, span, Kind::Touch { name, certain }));
                return;
            }
            let rotates = write.rotates && answer != Answer::Refused;
            let to = rotates.then(|| cursor.make());
            self.push(name, operation(cursor, span, Kind::Write { name, to, write, answer: answer.clone() }));
            if let Some(to) = to {
                self.rename(name, to);
                if answer != Answer::Unknown {
                    cursor.name = Some(to);
                }
            }
        } else if write.keeps_something() && answer != Answer::Refused {
            let name = cursor.make();
            cursor.name = Some(name);
            self.push(name, operation(cursor, span, Kind::Create { name, write, answer }));
        }
    }

    fn push(&mut self, name: Name, operation: Operation) {
        let first = self.first_name(name);
        self.lives.entry(first).or_default().push(operation);
    }

    fn first_name(&self, name: Name) -> Name {
        self.first_names.get(&name).copied().unwrap_or(name)
    }

    /// From now on the session goes by another id as well. Whoever uses that comes later: requests are numbered as they are
    /// sent.
    fn rename(&mut self, from: Name, to: Name) {
        let first = self.first_name(from);
        self.first_names.insert(to, first);
    }

    /// A revocation is a step in the life of each session that it may be about.
    fn sort_revocations(&mut self, history: &History) {
        let mut by_handle: BTreeMap<&str, BTreeSet<Name>> = BTreeMap::new();
        for exchange in &history.exchanges {
            let Some(ticket) = exchange.ticket else { continue };
            for step in &exchange.steps {
                if let Call::Load(Some(Loaded::Found(found))) = &step.call {
                    let life = self.first_name(Name::Issued(ticket));
                    by_handle.entry(&found.handle).or_default().insert(life);
                }
            }
        }
        for (exchange, span, revoke, answer) in std::mem::take(&mut self.revocations) {
            // Who is no longer signed in ends nobody.
            if answer == Answer::Refused {
                continue;
            }
            // Where a rotation gives it another handle, it may have a new one since.
            let found_none = answer == Answer::Done(Some(Datum::Number(0)));
            let may_have_moved =
                |life: &Name| !history.keeps_handles && self.first_names.values().any(|first| first == life);
            let mine = by_handle.get(revoke.own.as_str()).cloned().unwrap_or_default();
            let (about, told): (Vec<Name>, _) = match &revoke.handle {
                Some(handle) => {
                    let told = match answer {
                        Answer::Done(Some(Datum::Number(count))) => Some(count > 0),
                        _ => None,
                    };
                    (by_handle.get(handle.as_str()).into_iter().flatten().copied().collect(), told)
                }
                None => (self.lives.keys().filter(|life| !mine.contains(life)).copied().collect(), None),
            };
            let unknown = answer == Answer::Unknown;
            let mut steps: Vec<(Name, Option<bool>, bool)> = Vec::new();
            for life in about {
                let is_missed = revoke.handle.is_some() && found_none && may_have_moved(&life);
                steps.push((life, told.filter(|_| !is_missed), unknown || is_missed));
            }
            if revoke.handle.is_none() && !history.keeps_handles {
                steps.extend(mine.into_iter().map(|life| (life, told, true)));
            }
            for (life, told, unknown) in steps {
                let kind = Kind::Revoke { user: revoke.user.clone(), told, unknown };
                self.lives.entry(life).or_default().push(Operation { span, exchange, kind });
            }
        }
    }
}

fn operation(cursor: &Cursor, span: Span, kind: Kind) -> Operation {
    Operation { span, exchange: cursor.number, kind }
}

/// Whether a write makes an id that its response has to tell, if it is done.
fn makes_id(write: &Write, answer: &Answer) -> bool {
    let makes = if write.lives { write.rotates } else { write.keeps_something() };
    makes && *answer != Answer::Refused
}

impl Exchange {
    /// The writes, in their order, the commit among them.
    fn writes(&self) -> impl Iterator<Item = (&Write, Answer)> {
        let at_once = self.steps.iter().filter_map(|step| match &step.call {
            Call::Write(write, answer) => Some((write, answer.clone())),
            Call::Load(_) | Call::Revoke(..) => None,
        });
        let last = self.commit.as_ref().map(|commit| {
            let answer = self.commit_answer(0, commit).unwrap_or(Answer::Unknown);
            (&commit.write, answer)
        });
        at_once.chain(last)
    }

    fn commit_answer(&self, number: usize, commit: &Commit) -> Result<Answer, Finding> {
        let Some(response) = &self.response else { return Ok(Answer::Unknown) };
        match response.status {
            409 | 503 if commit.handler_failed => Ok(Answer::Unknown),
            200 => Ok(Answer::Done(None)),
            409 => Ok(Answer::Refused),
            503 => Ok(Answer::Unknown),
            status => Err(Finding::new(Violation::UnexpectedAnswer, number, format!("status {status}"))),
        }
    }
}
