//! The file of a backup: JSON, one value a line. A header, the records, and an end that tells whether the file is whole.

use std::collections::BTreeMap;
use std::io::{BufRead, Write};
use std::sync::Arc;
use std::time::Duration;

use cloakroom::Timestamp;
use cloakroom::record::{Data, Handle, Lifetime, Record, UserId, Value};
use cloakroom::store::Exported;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::failure::{Failure, Outcome};

/// The version of the format that this command writes, and the latest that it reads.
pub(crate) const VERSION: u32 = 1;

/// The first line.
#[derive(Debug, Deserialize, Serialize)]
pub(crate) struct Header {
    /// The version of the format.
    pub(crate) cloakroom_backup: u32,
    /// The store, as people call it.
    pub(crate) store: String,
    /// Whether the file holds session ids, and not only their digests.
    pub(crate) ids: bool,
    /// When it was begun.
    pub(crate) at: Option<String>,
}

/// The last line.
#[derive(Debug, Deserialize, Serialize)]
pub(crate) struct End {
    /// How many records stand before it.
    pub(crate) end: u64,
}

/// A record. Times are milliseconds since 1970; each value keeps its own JSON text.
#[derive(Deserialize, Serialize)]
struct Line {
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<String>,
    /// SHA-256 of the session id, in hexadecimal digits.
    #[serde(skip_serializing_if = "Option::is_none")]
    digest: Option<String>,
    handle: String,
    user: Option<String>,
    created: i64,
    seen: i64,
    idle_end: i64,
    absolute_end: i64,
    /// The session's own idle timeout, in milliseconds.
    idle: Option<u64>,
    persistent: Option<bool>,
    metadata: BTreeMap<String, Box<RawValue>>,
    data: BTreeMap<String, Box<RawValue>>,
}

/// A line behind the header.
pub(crate) enum Read {
    Record(Box<Exported>),
    End(End),
}

pub(crate) fn write_header(file: &mut impl Write, header: &Header) -> Outcome<()> {
    write(file, header)
}

pub(crate) fn write_end(file: &mut impl Write, records: u64) -> Outcome<()> {
    write(file, &End { end: records })
}

pub(crate) fn write_record(file: &mut impl Write, exported: &Exported) -> Outcome<()> {
    let record = exported.without_notes();
    let id = exported.id().map(str::to_owned);
    write(
        file,
        &Line {
            digest: if id.is_some() { None } else { Some(hex(exported.digest())) },
            id,
            handle: exported.handle.to_string(),
            user: record.user.as_ref().map(ToString::to_string),
            created: record.created.as_millis(),
            seen: record.seen.as_millis(),
            idle_end: record.idle_end.as_millis(),
            absolute_end: record.absolute_end.as_millis(),
            idle: record.lifetime.idle.map(|idle| u64::try_from(idle.as_millis()).unwrap_or(u64::MAX)),
            persistent: record.lifetime.persistent,
            metadata: texts(&record.metadata)?,
            data: texts(&record.data)?,
        },
    )
}

pub(crate) fn read_header(file: &mut impl BufRead) -> Outcome<Header> {
    let line = line(file)?.ok_or_else(|| Failure::words("the file is empty"))?;
    let header: Header =
        serde_json::from_str(&line).map_err(|_| Failure::words("the file is no backup of Cloakroom's"))?;
    if header.cloakroom_backup > VERSION {
        return Err(Failure::words(format!(
            "the file has version {}, and this command knows versions up to {VERSION}",
            header.cloakroom_backup
        )));
    }
    Ok(header)
}

/// The next line; `number` is for the error, which quotes nothing of it.
pub(crate) fn read(file: &mut impl BufRead, number: u64) -> Outcome<Read> {
    let line = line(file)?.ok_or_else(|| Failure::words("the file is cut off: it has no end"))?;
    let broken = || Failure::words(format!("line {number} of the file is no record"));
    match serde_json::from_str::<Line>(&line) {
        Ok(line) => line.exported().map(|exported| Read::Record(Box::new(exported))).ok_or_else(broken),
        Err(_) => serde_json::from_str(&line).map(Read::End).map_err(|_| broken()),
    }
}

impl Line {
    fn exported(self) -> Option<Exported> {
        let at = Timestamp::from_millis;
        let mut record = Record::new(at(self.created), at(self.idle_end), at(self.absolute_end));
        record.seen = at(self.seen);
        record.user = self.user.map(UserId::new).transpose().ok()?;
        record.lifetime = Lifetime { idle: self.idle.map(Duration::from_millis), persistent: self.persistent };
        record.metadata = Arc::new(data(self.metadata)?);
        record.data = Arc::new(data(self.data)?);
        let handle = Handle::new(self.handle);
        match (self.id, self.digest) {
            (Some(id), None) => Exported::of_id(&id, handle, record).ok(),
            (None, Some(digest)) => Some(Exported::of_digest(bytes(&digest)?, handle, record)),
            _ => None,
        }
    }
}

fn texts(data: &Data) -> Outcome<BTreeMap<String, Box<RawValue>>> {
    let text = |value: &Value| RawValue::from_string(value.as_json().to_owned());
    let pairs = data.iter().map(|(key, value)| Ok((key.to_string(), text(value)?)));
    pairs.collect::<Result<_, serde_json::Error>>().map_err(|error| Failure::because("a value is no JSON", error))
}

fn data(texts: BTreeMap<String, Box<RawValue>>) -> Option<Data> {
    texts.into_iter().map(|(key, text)| Some((key, Value::from_json(text.get()).ok()?))).collect()
}

fn line(file: &mut impl BufRead) -> Outcome<Option<String>> {
    let mut line = String::new();
    let read = file.read_line(&mut line).map_err(|error| Failure::because("the file", error))?;
    Ok((read > 0).then_some(line))
}

fn write(file: &mut impl Write, value: &impl Serialize) -> Outcome<()> {
    let text = serde_json::to_string(value).map_err(|error| Failure::because("a record is no JSON", error))?;
    writeln!(file, "{text}").map_err(|error| Failure::because("the file", error))
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn bytes(digits: &str) -> Option<[u8; 32]> {
    let bytes: Option<Vec<u8>> =
        (0..32).map(|index| u8::from_str_radix(digits.get(index * 2..index * 2 + 2)?, 16).ok()).collect();
    bytes.filter(|_| digits.len() == 64)?.try_into().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record() -> Record {
        let at = Timestamp::from_millis;
        let mut record = Record::new(at(-5), at(1_000), at(i64::MAX));
        let deep = format!("{}1{}", "[".repeat(100), "]".repeat(100));
        let texts =
            ["1", "1.0", "-0.0", "1E+05", "9007199254740993", r#"{ "b" : 1,"a":[null] }"#, r#""\u0000""#, &deep];
        let keys = ["", "a.b", "$x", "\0", "end", "__proto__", "é\u{2028}", "id"];
        record.data =
            Arc::new(keys.into_iter().zip(texts).map(|(key, text)| (key, Value::from_json(text).unwrap())).collect());
        record.metadata = Arc::new([("agent", Value::serialize("\n\u{1b}").unwrap())].into_iter().collect());
        record.user = UserId::new("ada\n").ok();
        record.lifetime = Lifetime { idle: Some(Duration::from_millis(7)), persistent: Some(false) };
        record
    }

    #[test]
    fn a_record_comes_back_to_the_byte() {
        for exported in [
            Exported::of_digest([0xa5; 32], Handle::new("h"), record()),
            Exported::of_id("the id", Handle::new("h"), record()).unwrap(),
            Exported::of_digest(
                [0; 32],
                Handle::new("h"),
                Record::new(Timestamp::from_millis(0), Timestamp::from_millis(1), Timestamp::from_millis(2)),
            ),
        ] {
            let mut text = Vec::new();
            write_record(&mut text, &exported).unwrap();
            assert_eq!(text.iter().filter(|byte| **byte == b'\n').count(), 1);
            let Read::Record(back) = read(&mut &*text, 2).unwrap() else { panic!("no record") };
            assert_eq!((back.id(), back.digest(), &back.handle), (exported.id(), exported.digest(), &exported.handle));
            assert_eq!(back.record, exported.record);
        }
    }

    #[test]
    fn what_is_no_line_is_told_by_its_number_alone() {
        for text in ["{}", "[]", "hunter2", r#"{"end":"x"}"#, r#"{"digest":"zz","handle":"hunter2"}"#] {
            let Err(failure) = read(&mut text.as_bytes(), 7) else { panic!("{text}") };
            let words = failure.to_string();
            assert!(words.contains("line 7") && !words.contains("hunter2"), "{words}");
        }
        assert!(read(&mut &b""[..], 7).is_err());
        assert!(matches!(read(&mut &b"{\"end\":3}"[..], 7), Ok(Read::End(End { end: 3 }))));
    }
}
