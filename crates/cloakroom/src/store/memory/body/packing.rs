//! A record without its times as bytes: flags, the user, the idle timeout, the data and the metadata, one after the other. Texts have their length
//! before them, data its number of keys. Zeros may follow, and those at the end are left out.

use std::sync::Arc;
use std::time::Duration;

use super::Common;
use crate::record::{Data, Lifetime, Record, Times, UserId, Value};

/// There is a user.
const USER: u8 = 1;
/// There is an idle timeout.
const IDLE: u8 = 2;
/// It is said whether the cookie outlives the browser, and that it does.
const CHOSEN: u8 = 4;
const PERSISTENT: u8 = 8;

/// Writes a record behind what is there.
pub(super) fn pack(record: &Record, to: &mut Vec<u8>) {
    let Record { data, metadata, user, lifetime, .. } = record;
    let flags = [
        (USER, user.is_some()),
        (IDLE, lifetime.idle.is_some()),
        (CHOSEN, lifetime.persistent.is_some()),
        (PERSISTENT, lifetime.persistent == Some(true)),
    ];
    to.push(flags.into_iter().filter(|(_, is_set)| *is_set).fold(0, |all, (flag, _)| all | flag));
    if let Some(user) = user {
        pack_text(user.as_str(), to);
    }
    if let Some(idle) = lifetime.idle {
        pack_number(idle.as_secs(), to);
        pack_number(idle.subsec_nanos().into(), to);
    }
    pack_data(data, to);
    if !metadata.is_empty() {
        pack_data(metadata, to);
    }
}

fn pack_data(data: &Data, to: &mut Vec<u8>) {
    pack_number(data.len() as u64, to);
    for (key, value) in data.iter() {
        pack_text(key, to);
        pack_text(value.as_json(), to);
    }
}

fn pack_text(text: &str, to: &mut Vec<u8>) {
    pack_number(text.len() as u64, to);
    to.extend_from_slice(text.as_bytes());
}

/// Seven bits a byte, the lowest first; the eighth says that more follow (LEB128).
fn pack_number(mut number: u64, to: &mut Vec<u8>) {
    while number >= 0x80 {
        to.push(number as u8 | 0x80);
        number >>= 7;
    }
    to.push(number as u8);
}

pub(super) fn has_user(bytes: &[u8]) -> bool {
    Reader { rest: bytes }.byte() & USER != 0
}

pub(super) fn user(bytes: &[u8]) -> Option<&str> {
    let mut reader = Reader { rest: bytes };
    (reader.byte() & USER != 0).then(|| reader.text())
}

/// The record that was packed, with these times.
pub(super) fn unpack(bytes: &[u8], times: Times, common: &mut Common) -> Record {
    let mut reader = Reader { rest: bytes };
    let flags = reader.byte();
    let has = |flag| flags & flag != 0;
    // What was packed was a user's id.
    let user = if has(USER) { UserId::new(reader.text()).ok() } else { None };
    let idle = has(IDLE).then(|| Duration::new(reader.number(), reader.number() as u32));
    let persistent = has(CHOSEN).then(|| has(PERSISTENT));
    let [data, metadata] = [reader.data(common), reader.data(common)];
    let Times { created, seen, idle_end, absolute_end } = times;
    let lifetime = Lifetime { idle, persistent };
    Record { data, user, created, seen, idle_end, absolute_end, lifetime, metadata }
}

/// Reads what was packed here. Beyond the end there are zeros.
struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    fn byte(&mut self) -> u8 {
        let (first, rest) = self.rest.split_first().unwrap_or((&0, &[]));
        self.rest = rest;
        *first
    }

    fn number(&mut self) -> u64 {
        let (mut number, mut shift) = (0, 0);
        loop {
            let byte = self.byte();
            number |= u64::from(byte & 0x7f) << shift;
            shift += 7;
            if byte < 0x80 || shift > 63 {
                return number;
            }
        }
    }

    fn text(&mut self) -> &'a str {
        let length = self.number() as usize;
        let (text, rest) = self.rest.split_at_checked(length).unwrap_or_default();
        self.rest = rest;
        // Only text was packed.
        std::str::from_utf8(text).unwrap_or_default()
    }

    fn data(&mut self, common: &mut Common) -> Arc<Data> {
        match self.number() {
            0 => common.nothing(),
            keys => {
                let pairs = (0..keys as usize).map(|_| (common.key(self.text()), Value::from_kept(self.text())));
                Arc::new(Data::from_sorted(pairs.collect()))
            }
        }
    }
}
