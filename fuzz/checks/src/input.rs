//! Several things out of one run of bytes.

use std::borrow::Cow;

/// The fields of an input, which lie between bytes 0xFF: no text has such a byte. Fields that are not there are empty.
pub(crate) struct Fields<'a> {
    rest: Option<&'a [u8]>,
}

impl<'a> Fields<'a> {
    pub(crate) fn new(input: &'a [u8]) -> Self {
        Self { rest: Some(input) }
    }

    pub(crate) fn next(&mut self) -> &'a [u8] {
        let rest = self.rest.take().unwrap_or_default();
        match rest.iter().position(|byte| *byte == 0xff) {
            Some(at) => {
                self.rest = Some(&rest[at + 1..]);
                &rest[..at]
            }
            None => rest,
        }
    }

    pub(crate) fn text(&mut self) -> Cow<'a, str> {
        String::from_utf8_lossy(self.next())
    }

    pub(crate) fn is_over(&self) -> bool {
        self.rest.is_none()
    }
}

/// Numbers from the front of an input; zero when it is used up.
pub(crate) struct Bytes<'a>(pub(crate) &'a [u8]);

impl Bytes<'_> {
    pub(crate) fn byte(&mut self) -> u8 {
        let Some((first, rest)) = self.0.split_first() else { return 0 };
        self.0 = rest;
        *first
    }

    pub(crate) fn number(&mut self) -> i64 {
        i64::from_le_bytes(std::array::from_fn(|_| self.byte()))
    }
}
