//! Odd values: what goes in comes out, to the last bit.

use std::sync::Arc;

use super::story::Dice;
use super::trial::{Fault, Session, Trial, Verdict, expect, patch, text, value};
use crate::record::{Data, MAX_DEPTH, Value};

cases! {
    integers_come_back_exact,
    floats_stay_floats_to_the_last_bit,
    texts_come_back_as_they_were,
    values_that_look_like_commands_come_back,
    odd_keys_inside_values_come_back,
    empty_values_come_back,
    the_deepest_values_come_back,
    a_large_session_comes_back,
    odd_values_of_metadata_come_back,
    odd_values_survive_rotate,
}

fn session_data(values: &[Value]) -> Data {
    values.iter().enumerate().map(|(number, value)| (format!("k{number}"), value.clone())).collect()
}

/// Through create, then through apply, one by one and all at once.
async fn come_back(t: &Trial, values: Vec<Value>) -> Verdict {
    let mut record = t.record();
    record.data = Arc::new(session_data(&values));
    let created = t.session_of(record).await?;
    t.holds(&created, t.now).await?;
    let mut session: Session = t.session().await?;
    for value in &values {
        t.write(&mut session, patch().set_value("one", value.clone()), t.now).await?;
    }
    let all =
        values.iter().enumerate().fold(patch(), |draft, (n, value)| draft.set_value(&format!("k{n}"), value.clone()));
    t.write(&mut session, all, t.now).await?;
    // And what stands beside them is left as it is by another write.
    t.write(&mut session, patch().add("n", 1).unset("one"), t.now).await
}

fn integers() -> Vec<Value> {
    let edges = [0, 1, -1, 127, 128, 255, 256, i64::from(i32::MAX), i64::from(i32::MIN), i64::from(u32::MAX) + 1];
    let large = [1 << 53, (1 << 53) + 1, -(1 << 53) - 1, i64::MAX, i64::MAX - 1, i64::MIN, i64::MIN + 1];
    edges.into_iter().chain(large).map(Value::from).collect()
}

fn floats() -> Vec<Value> {
    let texts = [
        "1.0",
        "0.0",
        "-0.0",
        "-1.0",
        "1e300",
        "-1e300",
        "5e-324",
        "-5e-324",
        "0.1",
        "0.30000000000000004",
        "1e21",
        "1e22",
        "1e-7",
        "2.2250738585072014e-308",
        "1.7976931348623157e308",
        "2.638344616030823e-256",
        "9007199254740992.0",
        "9007199254740993.0",
        "9223372036854775808.0",
        "1e19",
        "123456789.123456789",
        "3.141592653589793",
    ];
    texts.into_iter().map(value).collect()
}

/// Finite floats of all sizes, the same each time.
fn random_floats(count: usize) -> Vec<f64> {
    let mut dice = Dice::new(20_250_615);
    let bits = std::iter::repeat_with(|| dice.roll(1 << 31) << 33 ^ dice.roll(1 << 31) << 15 ^ dice.roll(1 << 31));
    bits.map(f64::from_bits).filter(|number| number.is_finite()).take(count).collect()
}

async fn integers_come_back_exact(t: Trial) -> Verdict {
    let mut values = integers();
    values.push(value("[0,9007199254740993,[-9223372036854775808],{\"n\":9223372036854775807}]"));
    come_back(&t, values).await
}

/// `1.0` is no integer: JSON tells them apart, and so does an add.
async fn floats_stay_floats_to_the_last_bit(t: Trial) -> Verdict {
    let mut values = floats();
    values.push(value(r#"[1.0,-0.0,[0.1],{"n":1e300,"z":0.0}]"#));
    let random = random_floats(100);
    values.extend(random.iter().filter_map(|number| Value::serialize(number).ok()));
    come_back(&t, values).await?;
    // And as an application reads them.
    let mut session = t.session().await?;
    t.write(&mut session, patch().set_value("floats", Value::serialize(&random)?), t.now).await?;
    let found = t.found(&session.key, t.now).await?.record;
    let read = found.data.get("floats").and_then(|value| value.deserialize::<Vec<f64>>().ok()).unwrap_or_default();
    let other = random.iter().zip(&read).find(|(wanted, saw)| wanted.to_bits() != saw.to_bits());
    expect(read.len() == random.len(), format!("{} floats", random.len()), read.len())?;
    other.map_or(Ok(()), |(wanted, saw)| Err(Fault::expected(format!("{wanted:?}"), format!("{saw:?}"))))
}

fn texts() -> Vec<Value> {
    let long = "0123456789".repeat(2_000);
    let texts = [
        "",
        " ",
        "\0",
        "a\0b",
        "\0\0\0",
        "\\",
        "\\u0000",
        "\\0",
        "\"",
        "'",
        "\n\r\t",
        "\u{1}\u{7f}\u{80}",
        "é",
        "e\u{301}",
        "🧥",
        "\u{feff}",
        "\u{fffd}",
        "\u{ffff}",
        "\u{10ffff}",
        "\u{2028}",
        "</script>",
        "null",
        "true",
        "5",
        "1.0",
        "[]",
        "{}",
        "%00",
        "2024-01-02T03:04:05.678Z",
        "0x10",
        "NaN",
        "Infinity",
        "-Infinity",
        "undefined",
        "aGVsbG8=",
        long.as_str(),
    ];
    texts.into_iter().map(text).collect()
}

async fn texts_come_back_as_they_were(t: Trial) -> Verdict {
    let mut values = texts();
    values.push(value(r#"["\u0000",{"k":"\u0000"}]"#));
    come_back(&t, values).await
}

fn commands() -> Vec<Value> {
    let texts = [
        r#""$u""#,
        r#""$$NOW""#,
        r#""$$REMOVE""#,
        r#""$$ROOT""#,
        r#""$d.n""#,
        r#"{"$ne":1}"#,
        r#"{"$gt":""}"#,
        r#"{"$oid":"507f1f77bcf86cd799439011"}"#,
        r#"{"$numberLong":"5"}"#,
        r#"{"$numberInt":"5"}"#,
        r#"{"$numberDouble":"NaN"}"#,
        r#"{"$numberDecimal":"1.5"}"#,
        r#"{"$date":{"$numberLong":"5"}}"#,
        r#"{"$date":"2024-01-02T03:04:05Z"}"#,
        r#"{"$binary":{"base64":"AAAA","subType":"00"}}"#,
        r#"{"$regex":"a","$options":"i"}"#,
        r#"{"$ref":"a","$id":1}"#,
        r#"{"$undefined":true}"#,
        r#"{"$minKey":1}"#,
        r#"{"$code":"x"}"#,
        r#"{"$timestamp":{"t":1,"i":1}}"#,
        r#"{"$literal":1}"#,
        r#"{"$add":[1,2]}"#,
        r#"{"$set":{"a":1}}"#,
        r#"{"$concat":["a","b"]}"#,
        r#"[{"$unset":"a"},{"$mergeObjects":[]}]"#,
        r#"{"$serde_json::private::Number":"1"}"#,
        r#"{"$serde_json::private::RawValue":"1"}"#,
        r#"{"a":{"$oid":"507f1f77bcf86cd799439011"},"b":[{"$numberLong":"5"}]}"#,
        r#"{"type":"Buffer","data":[1,2]}"#,
        r#"{"toJSON":"x","then":1}"#,
    ];
    texts.into_iter().map(value).collect()
}

async fn values_that_look_like_commands_come_back(t: Trial) -> Verdict {
    come_back(&t, commands()).await
}

async fn odd_keys_inside_values_come_back(t: Trial) -> Verdict {
    let rules = t.store.capabilities().keys;
    let keys = super::odd::every_odd_key().into_iter().filter(|key| rules.nul || !key.contains('\0'));
    let object: Vec<String> = keys.map(|key| format!("{}:[1]", text(&key).as_json())).collect();
    let object = format!("{{{}}}", object.join(","));
    let nested = format!(r#"{{"a":{object},"l":[{object}]}}"#);
    let values = [&*object, &*nested, r#"{"":{"":{"":1}}}"#, r#"{"a.b":{"$x":{"%00":0}}}"#];
    come_back(&t, values.into_iter().map(value).collect()).await
}

async fn empty_values_come_back(t: Trial) -> Verdict {
    let texts = [
        "null",
        "{}",
        "[]",
        r#""""#,
        "[[]]",
        "[{}]",
        "[null]",
        r#"{"a":null}"#,
        r#"{"":""}"#,
        "[null,null]",
        "false",
        "0",
    ];
    come_back(&t, texts.into_iter().map(value).collect()).await
}

fn deepest() -> Vec<Value> {
    let lists = format!("{}{}", "[".repeat(MAX_DEPTH), "]".repeat(MAX_DEPTH));
    let objects = format!("{}7{}", r#"{"a":"#.repeat(MAX_DEPTH), "}".repeat(MAX_DEPTH));
    let mixed = format!("{}0.5{}", r#"[{"":"#.repeat(MAX_DEPTH / 2), "}]".repeat(MAX_DEPTH / 2));
    vec![value(&lists), value(&objects), value(&mixed)]
}

async fn the_deepest_values_come_back(t: Trial) -> Verdict {
    come_back(&t, deepest()).await
}

/// 60 KB, close to the limit that a layer sets by default.
async fn a_large_session_comes_back(t: Trial) -> Verdict {
    let mut record = t.record();
    let block = text(&"0123456789abcdef".repeat(50));
    record.data = Arc::new((0..60).map(|number| (format!("block {number}"), block.clone())).collect());
    let mut session = t.session_of(record).await?;
    t.holds(&session, t.now).await?;
    t.write(&mut session, patch().add("n", 1).set_value("block 3", text("short")), t.now).await?;
    let many = (0..400).fold(patch().clear(), |draft, number| draft.set(&format!("key {number}"), "[1,2,3]"));
    t.write(&mut session, many, t.now).await
}

fn all() -> Data {
    session_data(&[integers(), floats(), texts(), commands(), deepest()].concat())
}

async fn odd_values_of_metadata_come_back(t: Trial) -> Verdict {
    let mut record = t.record();
    record.metadata = Arc::new(all());
    let created = t.session_of(record).await?;
    t.holds(&created, t.now).await?;
    let mut session = t.session().await?;
    let every = all().iter().fold(patch(), |draft, (key, value)| draft.metadata(key, Some(value.clone())));
    t.write(&mut session, every, t.now).await
}

async fn odd_values_survive_rotate(t: Trial) -> Verdict {
    let mut record = t.record();
    record.data = Arc::new(all());
    let mut session = t.session_of(record).await?;
    t.turn(&mut session, patch(), t.now).await?;
    let every = all().iter().fold(patch().clear(), |draft, (key, value)| draft.set_value(key, value.clone()));
    t.turn(&mut session, every, t.now).await.map(drop)
}
