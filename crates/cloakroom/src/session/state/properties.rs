//! The state against simple models, in random sequences of changes, writes and answers.

use std::collections::BTreeMap;
use std::time::Duration;

use proptest::prelude::*;

use super::*;

const NOW: Timestamp = Timestamp::from_millis(1_000_000);
const HOUR: Duration = Duration::from_secs(60 * 60);
const POLICY: Policy = Policy::new(HOUR, Duration::from_secs(24 * 60 * 60), 64 * 1024);

/// What a handler does.
#[derive(Clone, Debug)]
enum Deed {
    Set(&'static str, i64),
    Unset(&'static str),
    Add(&'static str, i64),
    Clear,
    LogIn(&'static str),
    Rotate,
    Destroy,
}

/// How a store answers.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Reply {
    Done,
    Refused,
    Failed,
}

#[derive(Clone, Debug)]
enum Event {
    Deed(Deed),
    /// A write: what it adds itself, what is done while it is under way, and how it ends.
    Write(Option<(&'static str, i64)>, Vec<Deed>, Reply),
}

fn key() -> impl Strategy<Value = &'static str> {
    prop::sample::select(vec!["a", "b", "c"])
}

fn deed() -> impl Strategy<Value = Deed> {
    prop_oneof![
        4 => (key(), 0_i64..100).prop_map(|(key, value)| Deed::Set(key, value)),
        2 => key().prop_map(Deed::Unset),
        4 => (key(), -5_i64..5).prop_map(|(key, by)| Deed::Add(key, by)),
        1 => Just(Deed::Clear),
        1 => prop::sample::select(vec!["ada", "bob"]).prop_map(Deed::LogIn),
        1 => Just(Deed::Rotate),
        1 => Just(Deed::Destroy),
    ]
}

fn event() -> impl Strategy<Value = Event> {
    let reply = prop_oneof![6 => Just(Reply::Done), 3 => Just(Reply::Refused), 1 => Just(Reply::Failed)];
    let own = prop::option::of((key(), 1_i64..5));
    let write = (own, prop::collection::vec(deed(), 0..3), reply);
    prop_oneof![
        3 => deed().prop_map(Event::Deed),
        2 => write.prop_map(|(own, meanwhile, reply)| Event::Write(own, meanwhile, reply)),
    ]
}

/// What the request has to see, and what the store holds.
#[derive(Debug)]
struct World {
    state: State,
    data: BTreeMap<String, i64>,
    user: Option<String>,
    stored: Option<(StoreKey, Record, i64)>,
}

impl World {
    fn new(stored: bool) -> World {
        let mut world = World { state: State::empty(POLICY, false), data: BTreeMap::new(), user: None, stored: None };
        if stored {
            let mut record = POLICY.new_record(None, NOW);
            record.data = Arc::new([("a", Value::from(1))].into_iter().collect());
            world.data.insert("a".to_owned(), 1);
            let key = StoreKey::generate().unwrap();
            world.stored = Some((key.clone(), record, 1));
            world.state = State::found(POLICY, key, world.found(), false, NOW);
        }
        world
    }

    fn found(&self) -> Found {
        let (_, record, version) = self.stored.as_ref().unwrap();
        Found { record: record.clone(), token: Token::version(*version), handle: Handle::new("handle") }
    }

    fn perform(&mut self, deed: &Deed) {
        let (state, data) = (&mut self.state, &mut self.data);
        match deed {
            Deed::Set(key, value) => {
                state.set(key, Value::from(*value)).unwrap();
                data.insert((*key).to_owned(), *value);
            }
            Deed::Unset(key) => {
                state.unset(key).unwrap();
                data.remove(*key);
            }
            Deed::Add(key, by) => {
                state.add(key, *by).unwrap();
                *data.entry((*key).to_owned()).or_default() += by;
            }
            Deed::Clear => {
                state.clear().unwrap();
                data.clear();
            }
            Deed::LogIn(user) => {
                state.log_in(UserId::new(*user).unwrap(), None).unwrap();
                if self.user.as_ref().is_some_and(|before| before != user) {
                    data.clear();
                }
                self.user = Some((*user).to_owned());
            }
            Deed::Rotate => {
                // As `Session::rotate` does: without a session there is nothing to rotate.
                if state.live().is_some() {
                    state.rotate().unwrap();
                }
            }
            Deed::Destroy => {
                state.destroy().unwrap();
                data.clear();
                self.user = None;
            }
        }
    }

    fn write(&mut self, own: &Own, meanwhile: &[Deed], reply: Reply) {
        loop {
            let step = self.state.begin(own, NOW).unwrap();
            let asks = matches!(step, Step::Create(_) | Step::Apply { .. } | Step::Rotate { .. });
            if asks {
                meanwhile.iter().for_each(|deed| self.perform(deed));
                match reply {
                    Reply::Done => {}
                    Reply::Refused => return self.state.not_done().unwrap(),
                    Reply::Failed => return self.state.failed(),
                }
            }
            match step {
                Step::Nothing => return,
                Step::Gone => panic!("nobody else has ended it"),
                Step::Destroy(key) => {
                    let was_there = self.stored.take_if(|(stored, ..)| *stored == key).is_some();
                    self.state.destroyed(was_there);
                    continue;
                }
                Step::Create(record) => {
                    let key = StoreKey::generate().unwrap();
                    self.stored = Some((key.clone(), record.clone(), 1));
                    self.state.created(key, record, Token::version(1), Handle::new("handle"));
                }
                Step::Apply { key, intent, guard } => {
                    if !self.apply(&key, &intent.patch, &guard, None) {
                        continue;
                    }
                }
                Step::Rotate { key, intent, guard } => {
                    let new = StoreKey::generate().unwrap();
                    if !self.apply(&key, &intent.patch, &guard, Some(new)) {
                        continue;
                    }
                }
            }
            return;
        }
    }

    /// Whether the guard let it through; if not, the session is loaded again.
    fn apply(&mut self, key: &StoreKey, patch: &Patch, guard: &Guard, new: Option<StoreKey>) -> bool {
        let (stored, record, version) = self.stored.as_mut().unwrap();
        assert_eq!(stored, key, "each write goes to the id that lives");
        if matches!(guard, Guard::Unchanged(token) if *token != Token::version(*version)) {
            self.state.not_done().unwrap();
            let found = self.found();
            self.state.reloaded(found);
            return false;
        }
        let numbers = patch.apply_to(record, NOW).unwrap();
        *version += i64::from(patch.changes_data());
        if let Some(new) = &new {
            *stored = new.clone();
        }
        let written = Written { token: Token::version(*version), numbers };
        self.state.done(patch, guard, written, new.map(|new| (new, Handle::new("handle"))), NOW);
        true
    }

    fn check_view(&self) {
        let seen = self.state.keys().into_iter().map(|key| {
            let value = self.state.value(&key).unwrap().unwrap();
            (key.to_string(), value.as_i64().unwrap())
        });
        assert_eq!(seen.collect::<BTreeMap<_, _>>(), self.data);
        assert_eq!(self.state.user().map(UserId::as_str), self.user.as_deref());
    }

    fn check_stored(&self) {
        let record = self.stored.as_ref().map(|(_, record, _)| record);
        let data = record.into_iter().flat_map(|record| record.data.iter());
        let data: BTreeMap<_, _> = data.map(|(key, value)| (key.to_string(), value.as_i64().unwrap())).collect();
        assert_eq!(data, self.data);
        assert_eq!(record.and_then(|record| record.user.as_ref()).map(UserId::as_str), self.user.as_deref());
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(512) })]

    /// A request sees all that it has done, whatever became of its writes; and in the end the store has it, and the
    /// response carries the id that the store knows.
    #[test]
    fn what_is_done_is_seen_and_stored(stored: bool, events in prop::collection::vec(event(), 0..20)) {
        let mut world = World::new(stored);
        let first = world.stored.as_ref().map(|(key, ..)| key.clone());
        for event in events {
            match event {
                Event::Deed(deed) => world.perform(&deed),
                Event::Write(own, meanwhile, reply) => {
                    let own = own.map_or(Own::Nothing, |(key, by)| Own::Add { key: key.into(), by });
                    let before = world.data.clone();
                    let asked = matches!(&own, Own::Add { .. });
                    world.write(&own, &[], reply);
                    if world.state.phase == Phase::Unknown {
                        // It carried changes, and nobody knows what became of them.
                        prop_assert_eq!(reply, Reply::Failed);
                        prop_assert!(world.state.set("a", Value::from(1)).is_err());
                        prop_assert!(world.state.begin(&Own::Nothing, NOW).is_err());
                        return Ok(());
                    }
                    if let (true, Reply::Done, Own::Add { key, by }) = (asked, reply, &own) {
                        world.data = before;
                        *world.data.entry(key.to_string()).or_default() += by;
                    }
                    world.check_view();
                    world.write(&Own::Nothing, &meanwhile, if reply == Reply::Failed { Reply::Refused } else { reply });
                }
            }
            world.check_view();
        }
        world.write(&Own::Nothing, &[], Reply::Done);
        world.check_stored();
        let last = world.stored.as_ref().map(|(key, ..)| key.clone());
        match (world.state.ticket_due(), first == last) {
            (TicketDue::Issue, _) => prop_assert!(last.is_some()),
            (TicketDue::Remove, _) => prop_assert!(last.is_none()),
            (TicketDue::None, same) => prop_assert!(same || last.is_none()),
        }
    }

    /// Numbers that others change as well: of all that was added, nothing is lost.
    #[test]
    fn no_number_is_lost_among_others(events in prop::collection::vec(0_u8..5, 0..20)) {
        let mut world = World::new(true);
        let mut sum = 1;
        for event in events {
            sum += 1;
            match event {
                0 => {
                    let (_, record, version) = world.stored.as_mut().unwrap();
                    let before = record.data.get("a").and_then(Value::as_i64).unwrap();
                    Arc::make_mut(&mut record.data).insert("a", Value::from(before + 1));
                    *version += 1;
                }
                1 => world.state.add("a", 1).unwrap(),
                2 => world.write(&Own::Add { key: "a".into(), by: 1 }, &[], Reply::Done),
                3 => {
                    // As `Session::update` does: again, on what was loaded since, until nobody has interfered.
                    if world.state.is_stale() {
                        let found = world.found();
                        world.state.reloaded(found);
                    }
                    loop {
                        let before = world.state.value("a").unwrap().unwrap().as_i64().unwrap();
                        let own = Own::Replace { key: "a".into(), value: Value::from(before + 1) };
                        let Step::Apply { key, intent, guard } = world.state.begin(&own, NOW).unwrap() else {
                            panic!("nothing to apply")
                        };
                        if world.apply(&key, &intent.patch, &guard, None) {
                            break;
                        }
                    }
                }
                _ => {
                    world.state.set("b", Value::from(sum)).unwrap();
                    world.write(&Own::Nothing, &[], Reply::Done);
                    sum -= 1;
                }
            }
        }
        world.write(&Own::Nothing, &[], Reply::Done);
        let (_, record, _) = world.stored.as_ref().unwrap();
        prop_assert_eq!(record.data.get("a").and_then(Value::as_i64), Some(sum));
    }
}
