//! JSON as RFC 8259 has it, with the limits of a session's value: everything that is wrong with a text, not only the first.

use std::collections::BTreeSet;

const MAX_DEPTH: usize = 100;

/// What can be wrong with a text that is to be a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Fault {
    NoJson,
    /// Half a surrogate pair.
    NoText,
    TooDeep,
    NumberRange,
}

/// All faults of a text; that it is no JSON hides the others.
pub(crate) fn faults(text: &str) -> BTreeSet<Fault> {
    let mut reader = Reader { rest: text.as_bytes(), faults: BTreeSet::new() };
    match reader.value() {
        Some(()) if reader.space().is_empty() => reader.faults,
        _ => BTreeSet::from([Fault::NoJson]),
    }
}

struct Reader<'a> {
    rest: &'a [u8],
    faults: BTreeSet<Fault>,
}

impl Reader<'_> {
    /// Not by recursion: an input may be as deep as it is long.
    fn value(&mut self) -> Option<()> {
        // The closing brackets that are owed.
        let mut open = Vec::new();
        loop {
            let opening = *self.space().first()?;
            if let b'[' | b'{' = opening {
                self.rest = &self.rest[1..];
                open.push(if opening == b'[' { b']' } else { b'}' });
                if open.len() > MAX_DEPTH {
                    self.faults.insert(Fault::TooDeep);
                }
                if self.space().first() != open.last() {
                    if opening == b'{' {
                        self.key()?;
                    }
                    continue;
                }
            } else {
                self.scalar()?;
            }
            // Close what ends here, and go on behind a comma.
            loop {
                let Some(closing) = open.last() else { return Some(()) };
                let closing = *closing;
                let next = *self.space().first()?;
                self.rest = &self.rest[1..];
                if next == b',' {
                    if closing == b'}' {
                        self.key()?;
                    }
                    break;
                }
                if next != closing {
                    return None;
                }
                open.pop();
            }
        }
    }

    fn key(&mut self) -> Option<()> {
        self.space();
        self.string()?;
        self.space();
        self.take(b":")
    }

    fn scalar(&mut self) -> Option<()> {
        match self.rest.first()? {
            b'"' => self.string(),
            b't' => self.take(b"true"),
            b'f' => self.take(b"false"),
            b'n' => self.take(b"null"),
            _ => self.number(),
        }
    }

    fn string(&mut self) -> Option<()> {
        self.take(b"\"")?;
        let mut high = false;
        loop {
            let mut low = false;
            let mut now_high = false;
            let first = *self.rest.first()?;
            self.rest = &self.rest[1..];
            match first {
                b'"' => {
                    self.no_text_if(high);
                    return Some(());
                }
                b'\\' => {
                    let escape = *self.rest.first()?;
                    self.rest = &self.rest[1..];
                    if escape == b'u' {
                        let digits = std::str::from_utf8(self.rest.get(..4)?).ok()?;
                        if !digits.bytes().all(|digit| digit.is_ascii_hexdigit()) {
                            return None;
                        }
                        self.rest = &self.rest[4..];
                        let unit = u16::from_str_radix(digits, 16).ok()?;
                        now_high = matches!(unit, 0xd800..0xdc00);
                        low = matches!(unit, 0xdc00..0xe000);
                    } else if !b"\"\\/bfnrt".contains(&escape) {
                        return None;
                    }
                }
                0..0x20 => return None,
                _ => {}
            }
            self.no_text_if(high != low);
            high = now_high;
        }
    }

    fn no_text_if(&mut self, is_half: bool) {
        if is_half {
            self.faults.insert(Fault::NoText);
        }
    }

    fn number(&mut self) -> Option<()> {
        let start = self.rest;
        let _ = self.take(b"-");
        if self.take(b"0").is_none() {
            self.digits()?;
        }
        let mut is_integer = true;
        if self.take(b".").is_some() {
            is_integer = false;
            self.digits()?;
        }
        if self.take(b"e").or_else(|| self.take(b"E")).is_some() {
            is_integer = false;
            let _ = self.take(b"+").or_else(|| self.take(b"-"));
            self.digits()?;
        }
        let number = std::str::from_utf8(&start[..start.len() - self.rest.len()]).ok()?;
        let fits =
            if is_integer { number.parse::<i64>().is_ok() } else { number.parse::<f64>().is_ok_and(f64::is_finite) };
        if !fits {
            self.faults.insert(Fault::NumberRange);
        }
        Some(())
    }

    fn digits(&mut self) -> Option<()> {
        let count = self.rest.iter().take_while(|digit| digit.is_ascii_digit()).count();
        self.rest = &self.rest[count..];
        (count > 0).then_some(())
    }

    fn take(&mut self, text: &[u8]) -> Option<()> {
        self.rest = self.rest.strip_prefix(text)?;
        Some(())
    }

    fn space(&mut self) -> &[u8] {
        while let [b' ' | b'\t' | b'\n' | b'\r', rest @ ..] = self.rest {
            self.rest = rest;
        }
        self.rest
    }
}
