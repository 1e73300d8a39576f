//! Values as BSON: from JSON text, and back to it.
//!
//! Both ways go by hand. The driver's own conversions would read an object such as `{"$oid": …}` as a type of its own,
//! and `serde_json::Value` would sort the keys and round floats.

use cloakroom::record::Value;
use mongodb::bson::{Bson, Document, RawArray, RawBsonRef, RawDocument, raw};

use crate::style::Style;

/// A value as BSON; floats as Double.
///
/// None for what is no JSON, which no value holds, and for keys that BSON has no word for in this style.
pub(crate) fn to_bson(value: &Value, style: Style) -> Option<Bson> {
    Reader { rest: value.as_json(), style }.value()
}

/// A value from BSON.
///
/// Types that only a foreign hand can have written read as text where they have a natural one (a Date in ISO 8601, an
/// ObjectId in hex, a Decimal128 in digits), else as null. In the database they stay what they are until the key is set.
///
/// # Errors
///
/// If the bytes are no BSON.
pub(crate) fn from_bson(bson: RawBsonRef<'_>, style: Style) -> Result<Value, raw::Error> {
    let mut text = String::new();
    Writer { text: &mut text, style }.value(bson)?;
    // Only a foreign hand can have nested it deeper than a value may be.
    Ok(Value::from_json(&text).unwrap_or_else(|_| null()))
}

fn null() -> Value {
    Value::from_json("null").unwrap_or_else(|_| Value::from(0))
}

/// Writes BSON as JSON text.
struct Writer<'a> {
    text: &'a mut String,
    style: Style,
}

impl Writer<'_> {
    fn value(&mut self, bson: RawBsonRef<'_>) -> Result<(), raw::Error> {
        if let Some(number) = self.style.integer(bson) {
            self.text.push_str(&number.to_string());
            return Ok(());
        }
        match bson {
            RawBsonRef::Document(document) => self.object(document)?,
            RawBsonRef::Array(array) => self.array(array)?,
            RawBsonRef::String(string) | RawBsonRef::Symbol(string) | RawBsonRef::JavaScriptCode(string) => {
                self.string(string);
            }
            RawBsonRef::Boolean(true) => self.text.push_str("true"),
            RawBsonRef::Boolean(false) => self.text.push_str("false"),
            // NaN and the infinities become null: JSON has no word for them.
            RawBsonRef::Double(number) => self.text.push_str(&serde_json::Value::from(number).to_string()),
            RawBsonRef::Decimal128(number) => self.string(&number.to_string()),
            RawBsonRef::ObjectId(id) => self.string(&id.to_hex()),
            RawBsonRef::DateTime(time) => match self.style.date(time) {
                Some(time) => self.string(&time),
                None => self.text.push_str("null"),
            },
            RawBsonRef::Int32(_)
            | RawBsonRef::Int64(_)
            | RawBsonRef::Null
            | RawBsonRef::Undefined
            | RawBsonRef::Binary(_)
            | RawBsonRef::RegularExpression(_)
            | RawBsonRef::JavaScriptCodeWithScope(_)
            | RawBsonRef::Timestamp(_)
            | RawBsonRef::MaxKey
            | RawBsonRef::MinKey
            | RawBsonRef::DbPointer(_) => self.text.push_str("null"),
        }
        Ok(())
    }

    fn object(&mut self, document: &RawDocument) -> Result<(), raw::Error> {
        self.text.push('{');
        for (index, field) in document.iter().enumerate() {
            let (name, value) = field?;
            if index > 0 {
                self.text.push(',');
            }
            // A name that no key has is a foreign one, and stands for itself.
            self.string(self.style.key(name).as_deref().unwrap_or(name));
            self.text.push(':');
            self.value(value)?;
        }
        self.text.push('}');
        Ok(())
    }

    fn array(&mut self, array: &RawArray) -> Result<(), raw::Error> {
        self.text.push('[');
        for (index, value) in array.into_iter().enumerate() {
            if index > 0 {
                self.text.push(',');
            }
            self.value(value?)?;
        }
        self.text.push(']');
        Ok(())
    }

    fn string(&mut self, string: &str) {
        self.text.push_str(&serde_json::Value::from(string).to_string());
    }
}

/// Reads JSON text that is known to be valid.
struct Reader<'a> {
    rest: &'a str,
    style: Style,
}

impl Reader<'_> {
    fn value(&mut self) -> Option<Bson> {
        self.skip_space();
        match self.rest.bytes().next()? {
            b'{' => self.object(),
            b'[' => self.array(),
            b'"' => self.string().map(Bson::String),
            b't' => self.word("true", Bson::Boolean(true)),
            b'f' => self.word("false", Bson::Boolean(false)),
            b'n' => self.word("null", Bson::Null),
            _ => self.number(),
        }
    }

    fn object(&mut self) -> Option<Bson> {
        let mut document = Document::new();
        self.take('{');
        while !self.take('}') {
            self.skip_space();
            let key = self.string()?;
            self.take(':');
            let value = self.value()?;
            document.insert(self.style.name(&key)?, value);
            self.take(',');
        }
        Some(Bson::Document(document))
    }

    fn array(&mut self) -> Option<Bson> {
        let mut array = Vec::new();
        self.take('[');
        while !self.take(']') {
            array.push(self.value()?);
            self.take(',');
        }
        Some(Bson::Array(array))
    }

    fn string(&mut self) -> Option<String> {
        let bytes = self.rest.as_bytes();
        let mut end = 1;
        while *bytes.get(end)? != b'"' {
            end += if bytes[end] == b'\\' { 2 } else { 1 };
        }
        let (quoted, rest) = self.rest.split_at(end + 1);
        self.rest = rest;
        let plain = &quoted[1..end];
        if plain.contains('\\') { serde_json::from_str(quoted).ok() } else { Some(plain.to_owned()) }
    }

    fn number(&mut self) -> Option<Bson> {
        let end = self.rest.find(|letter: char| !matches!(letter, '-' | '+' | '.' | 'e' | 'E' | '0'..='9'));
        let (number, rest) = self.rest.split_at(end.unwrap_or(self.rest.len()));
        self.rest = rest;
        // As an integer, `-0` would lose its sign.
        if number == "-0" || number.contains(['.', 'e', 'E']) {
            number.parse().ok().map(Bson::Double)
        } else {
            number.parse().ok().map(|number| self.style.number(number))
        }
    }

    fn word(&mut self, word: &str, bson: Bson) -> Option<Bson> {
        self.rest = self.rest.strip_prefix(word)?;
        Some(bson)
    }

    fn take(&mut self, letter: char) -> bool {
        self.skip_space();
        match self.rest.strip_prefix(letter) {
            Some(rest) => {
                self.rest = rest;
                true
            }
            None => false,
        }
    }

    fn skip_space(&mut self) {
        self.rest = self.rest.trim_ascii_start();
    }
}

#[cfg(test)]
mod tests {
    use mongodb::bson::{DateTime, RawDocumentBuf, doc, oid::ObjectId};

    use super::*;

    fn bson_of(json: &str) -> Bson {
        to_bson(&Value::from_json(json).unwrap(), Style::Native).unwrap()
    }

    fn json_of(bson: Bson) -> String {
        let document = RawDocumentBuf::try_from(&doc! { "v": bson }).unwrap();
        from_bson(document.get("v").unwrap().unwrap(), Style::Native).unwrap().as_json().to_owned()
    }

    #[test]
    fn every_value_comes_back_the_same() {
        let deep = format!("{}1{}", "[".repeat(100), "]".repeat(100));
        let objects = format!("{}1{}", r#"{"a.b":"#.repeat(100), "}".repeat(100));
        for json in [
            "null",
            "true",
            "false",
            "0",
            "-7",
            "9007199254740993",
            "9223372036854775807",
            "-9223372036854775808",
            "1.0",
            "-0.0",
            "0.1",
            "1e+300",
            "5e-324",
            "0.30000000000000004",
            "123456.789012345",
            r#""""#,
            r#""$u""#,
            r#""\u0000""#,
            r#""a\"\\\n€""#,
            "[]",
            "{}",
            "[[],{},null]",
            r#"{"z":1,"a":[{"b":2.0}],"m":{}}"#,
            r#"{"$ne":1}"#,
            r#"{"$oid":"0123456789abcdef01234567"}"#,
            r#"{"$date":{"$numberLong":"1"}}"#,
            r#"{"$ref":"c","$id":1}"#,
            r#"{"":{"%":"%","a.b":{"\u0000":1},"__proto__":{"%2E":0}}}"#,
            &deep,
            &objects,
        ] {
            assert_eq!(json_of(bson_of(json)), json);
        }
    }

    #[test]
    fn numbers_keep_their_type() {
        assert_eq!(bson_of("1"), Bson::Int64(1));
        assert_eq!(bson_of("1.0"), Bson::Double(1.0));
        for zero in ["-0.0", "-0"] {
            assert!(matches!(bson_of(zero), Bson::Double(zero) if zero.is_sign_negative()));
        }
        assert_eq!(json_of(Bson::Int32(7)), "7");
    }

    #[test]
    fn floats_come_back_bit_for_bit() {
        // Numbers that look random and are the same each time.
        let mut bits = 1_u64;
        for _ in 0..10_000 {
            bits = bits.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            let number = f64::from_bits(bits ^ (bits >> 29));
            if number.is_finite() {
                let value = Value::serialize(&number).unwrap();
                assert!(
                    matches!(to_bson(&value, Style::Native), Some(Bson::Double(read)) if read.to_bits() == number.to_bits())
                );
                let read: f64 = Value::from_json(&json_of(Bson::Double(number))).unwrap().deserialize().unwrap();
                assert_eq!(read.to_bits(), number.to_bits(), "{number:?}");
            }
        }
    }

    #[test]
    fn space_is_no_part_of_a_value() {
        assert_eq!(json_of(bson_of(" { \"a\" : [ 1 , 2 ] ,\n\"b\" : \"x y\" } ")), r#"{"a":[1,2],"b":"x y"}"#);
    }

    #[test]
    fn foreign_types_read_as_javascript_shows_them() {
        let id = ObjectId::new();
        assert_eq!(json_of(Bson::ObjectId(id)), format!("\"{}\"", id.to_hex()));
        assert_eq!(json_of(Bson::DateTime(DateTime::from_millis(0))), r#""1970-01-01T00:00:00Z""#);
        assert_eq!(json_of(Bson::DateTime(DateTime::from_millis(i64::MAX))), "null");
        assert_eq!(json_of(Bson::Double(f64::NAN)), "null");
        assert_eq!(json_of(Bson::MinKey), "null");
        assert_eq!(json_of(Bson::Document(doc! { "$set": 1_i32 })), r#"{"$set":1}"#);
    }

    #[test]
    fn javascript_keeps_names_as_they_are() {
        let js = |json: &str| to_bson(&Value::from_json(json).unwrap(), Style::JavaScript);
        let odd = r#"{"a.b":1,"$x":[2147483648,-0.0],"":{"%":9007199254740993},"__proto__":1.5}"#;
        let inner = doc! { "%": 9_007_199_254_740_993_i64 };
        let expected = doc! { "a.b": 1_i32, "$x": [2_147_483_648.0, -0.0], "": inner, "__proto__": 1.5 };
        assert_eq!(js(odd), Some(Bson::Document(expected.clone())));
        assert_eq!(js(r#"[{"a\u0000b":1}]"#), None);
        let document = RawDocumentBuf::try_from(&doc! { "v": expected }).unwrap();
        let read = from_bson(document.get("v").unwrap().unwrap(), Style::JavaScript).unwrap();
        assert_eq!(read.as_json(), odd);
    }
}
