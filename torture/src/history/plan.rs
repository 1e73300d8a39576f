//! What is to happen in a history: drawn from a seed, and cut down where one fails.

use std::time::Duration;

use super::rng::Rng;

/// The idle timeout of all sessions. They are touched at most once in a tenth of it.
pub const IDLE: Duration = Duration::from_secs(1_000);
/// The absolute timeout of all sessions.
pub const ABSOLUTE: Duration = Duration::from_secs(5_000);

/// A history that is to be run.
#[derive(Clone, Debug, PartialEq)]
pub struct Plan {
    /// Decides how the clients' steps are interleaved, where that can be decided.
    pub schedule: u64,
    /// Of a hundred calls, so many fail: half of them before they are carried out, half of them after.
    pub failures: usize,
    /// The first request of each cookie jar, sent before the clients begin.
    pub jars: Vec<Option<Request>>,
    /// They run at the same time.
    pub clients: Vec<Client>,
}

/// A tab of a browser: it sends one request after the other, with the cookies that it shares with other tabs.
#[derive(Clone, Debug, PartialEq)]
pub struct Client {
    /// The number of its cookie jar.
    pub jar: usize,
    /// What it does, in this order.
    pub turns: Vec<Turn>,
}

/// One thing that a client does.
#[derive(Clone, Debug, PartialEq)]
pub enum Turn {
    /// A request, until its response is there.
    Request(Request),
    /// The clock goes forward.
    Advance(Duration),
    /// Expired sessions are collected.
    Sweep,
}

/// A request, and what its handler does.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Request {
    /// It is sent with a ticket that the jar had before the last one, as a late request is, or a thief's.
    pub outdated: bool,
    /// What the handler does once it has loaded the session.
    pub actions: Vec<Action>,
    /// The client hangs up after so many steps.
    pub hangs_up: Option<usize>,
}

/// One thing that a handler does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// Sets a text key to a value that nothing else ever has.
    Set(usize),
    /// Removes a key.
    Unset(usize),
    /// Adds to a number, at commit.
    Add(usize),
    /// Adds to a number at once.
    Increment(usize),
    /// Adds to a number by reading and writing it.
    Update(usize),
    /// Adds to a list by reading and writing it.
    Append(usize),
    /// Removes all keys.
    Clear,
    /// Writes what is pending.
    Save,
    /// Waits for so many steps.
    Pause(usize),
    /// Draws a new id at once.
    Rotate,
    /// Logs this user in.
    LogIn(usize),
    /// Logs out.
    LogOut,
    /// Ends the session that was last seen of this jar, if it is another of the user's.
    Revoke(usize),
    /// Ends all other sessions of the user.
    RevokeOthers,
}

const TEXTS: usize = 3;
const NUMBERS: usize = 2;
const LISTS: usize = 1;
const USERS: usize = 2;

impl Action {
    /// The key that it is about.
    pub fn key(self) -> String {
        match self {
            Action::Set(number) => format!("t{number}"),
            Action::Add(number) | Action::Increment(number) | Action::Update(number) => format!("n{number}"),
            Action::Append(number) => format!("l{number}"),
            Action::Unset(number) if number < TEXTS => format!("t{number}"),
            Action::Unset(number) if number < TEXTS + NUMBERS => format!("n{}", number - TEXTS),
            Action::Unset(_) => "l0".to_owned(),
            _ => String::new(),
        }
    }
}

impl Plan {
    /// The plan of a seed. Each has a taste of its own: some kinds of action are frequent in it, and some do not occur.
    pub fn draw(seed: u64) -> Plan {
        let mut rng = Rng::new(seed);
        let schedule = rng.any();
        let taste = Taste::draw(&mut rng);
        let failures = if rng.chance(25) { rng.between(1, 8) } else { 0 };
        let jars = rng.one_of(&[1, 1, 2, 2, 3]);
        let clients = rng.between(2, 5);
        let first = |rng: &mut Rng, jar| rng.chance(90).then(|| taste.first(rng, jar));
        Plan {
            schedule,
            failures,
            jars: (0..jars).map(|jar| first(&mut rng, jar)).collect(),
            clients: (0..clients).map(|number| taste.client(&mut rng, number % jars, jars)).collect(),
        }
    }

    /// How many turns there are, and how many actions: what shrinking makes less.
    pub fn size(&self) -> (usize, usize) {
        let first = self.jars.iter().flatten();
        let later = self.clients.iter().flat_map(|client| &client.turns).filter_map(|turn| match turn {
            Turn::Request(request) => Some(request),
            Turn::Advance(_) | Turn::Sweep => None,
        });
        let turns: usize = self.clients.iter().map(|client| client.turns.len()).sum();
        (turns + first.clone().count(), first.chain(later).map(|request| request.actions.len()).sum())
    }
}

/// How often a history has which action.
struct Taste {
    actions: Vec<(usize, Draw)>,
    outdated: usize,
    hang_ups: usize,
    clock: usize,
}

type Draw = fn(&mut Rng, usize) -> Action;

impl Taste {
    fn draw(rng: &mut Rng) -> Taste {
        let all: [(usize, Draw); 14] = [
            (6, |rng, _| Action::Set(rng.below(TEXTS))),
            (3, |rng, _| Action::Unset(rng.below(TEXTS + NUMBERS + LISTS))),
            (4, |rng, _| Action::Add(rng.below(NUMBERS))),
            (3, |rng, _| Action::Increment(rng.below(NUMBERS))),
            (4, |rng, _| Action::Update(rng.below(NUMBERS))),
            (3, |rng, _| Action::Append(rng.below(LISTS))),
            (1, |_, _| Action::Clear),
            (1, |_, _| Action::Save),
            (5, |rng, _| Action::Pause(rng.between(1, 12))),
            (2, |_, _| Action::Rotate),
            (2, |rng, _| Action::LogIn(rng.below(USERS))),
            (2, |_, _| Action::LogOut),
            (1, |rng, jars| Action::Revoke(rng.below(jars))),
            (1, |_, _| Action::RevokeOthers),
        ];
        let mut actions: Vec<_> = all.into_iter().map(|(weight, draw)| (weight * rng.below(4), draw)).collect();
        actions.push((1, |rng, _| Action::Set(rng.below(TEXTS))));
        Taste {
            actions,
            outdated: rng.one_of(&[0, 5, 15]),
            hang_ups: rng.one_of(&[0, 0, 5, 15]),
            clock: rng.one_of(&[0, 10, 20]),
        }
    }

    fn first(&self, rng: &mut Rng, jar: usize) -> Request {
        let mut actions = vec![Action::Set(0)];
        if rng.chance(50) {
            actions.push(Action::LogIn(jar % USERS));
        }
        Request { actions, ..Request::default() }
    }

    fn client(&self, rng: &mut Rng, jar: usize, jars: usize) -> Client {
        let turns = rng.between(1, 6);
        Client { jar, turns: (0..turns).map(|_| self.turn(rng, jars)).collect() }
    }

    fn turn(&self, rng: &mut Rng, jars: usize) -> Turn {
        if rng.chance(self.clock) {
            return if rng.chance(30) { Turn::Sweep } else { Turn::Advance(step(rng)) };
        }
        let actions = rng.below(5);
        Turn::Request(Request {
            outdated: rng.chance(self.outdated),
            actions: (0..actions).map(|_| self.action(rng, jars)).collect(),
            hangs_up: rng.chance(self.hang_ups).then(|| rng.between(1, 20)),
        })
    }

    fn action(&self, rng: &mut Rng, jars: usize) -> Action {
        let mut at = rng.below(self.actions.iter().map(|(weight, _)| weight).sum());
        for (weight, draw) in &self.actions {
            if at < *weight {
                return draw(rng, jars);
            }
            at -= weight;
        }
        Action::Set(0)
    }
}

/// Within a touch interval, beyond it, beyond what a superseded id is remembered for, up to the idle end, beyond both ends.
fn step(rng: &mut Rng) -> Duration {
    Duration::from_secs(rng.one_of(&[1, 11, 50, 110, 110, 500, 930, 1_050, 1_050, 6_000]))
}
