//! Answers as the servers send them: a head, and a body of a length that is told.

use anyhow::{Context as _, Result, bail};

/// An answer at the beginning of what has come.
#[derive(Debug, PartialEq)]
pub(crate) struct Answer<'a> {
    pub(crate) status: u16,
    head: &'a [u8],
    pub(crate) body: &'a [u8],
    /// How long it is altogether.
    pub(crate) length: usize,
}

impl Answer<'_> {
    /// Reads the first answer, if it has come as a whole.
    pub(crate) fn read(bytes: &[u8]) -> Result<Option<Answer<'_>>> {
        let Some(end) = bytes.windows(4).position(|end| end == b"\r\n\r\n") else { return Ok(None) };
        let head = &bytes[..end];
        let mut status = None;
        let mut length = None;
        for line in head.split(|byte| *byte == b'\n') {
            match status {
                None => status = Some(read_status(line).context("no answer of HTTP/1.1")?),
                Some(_) => {
                    if let Some(value) = value_of(line, b"content-length") {
                        length = Some(value.parse::<usize>()?);
                    } else if value_of(line, b"transfer-encoding").is_some() {
                        bail!("an answer without a length");
                    }
                }
            }
        }
        let from = end + 4;
        let to = from + length.context("an answer without a length")?;
        let status = status.context("no answer")?;
        Ok(bytes.get(from..to).map(|body| Answer { status, head, body, length: to }))
    }

    /// The Set-Cookie lines.
    pub(crate) fn cookies(&self) -> impl Iterator<Item = &str> {
        self.head.split(|byte| *byte == b'\n').filter_map(|line| value_of(line, b"set-cookie"))
    }
}

fn read_status(line: &[u8]) -> Option<u16> {
    let line = str::from_utf8(line).ok()?;
    line.strip_prefix("HTTP/1.1 ")?.get(..3)?.parse().ok()
}

/// The value of a line, if it is the one of that name.
fn value_of<'a>(line: &'a [u8], name: &[u8]) -> Option<&'a str> {
    let (before, value) = line.split_at_checked(name.len())?;
    let value = value.strip_prefix(b":")?;
    before.eq_ignore_ascii_case(name).then_some(value).and_then(|value| str::from_utf8(value).ok()).map(str::trim)
}

#[cfg(test)]
mod tests {
    use super::*;

    const TWO: &[u8] = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\nSet-Cookie: a=1; Path=/\r\nset-cookie: b=2\r\n\r\nok\
        HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n";

    #[test]
    fn answers_are_read_one_after_the_other() {
        let first = Answer::read(TWO).unwrap().unwrap();
        assert_eq!((first.status, first.body), (200, &b"ok"[..]));
        assert_eq!(first.cookies().collect::<Vec<_>>(), ["a=1; Path=/", "b=2"]);
        let second = Answer::read(&TWO[first.length..]).unwrap().unwrap();
        assert_eq!((second.status, second.body.len(), second.cookies().count()), (503, 0, 0));
        assert_eq!(first.length + second.length, TWO.len());
    }

    #[test]
    fn half_an_answer_is_none_yet() {
        let whole = Answer::read(TWO).unwrap().unwrap().length;
        for length in 0..whole {
            assert_eq!(Answer::read(&TWO[..length]).unwrap(), None, "{length}");
        }
    }

    #[test]
    fn what_is_not_understood_is_no_answer() {
        for bytes in [
            &b"HTTP/1.1 200 OK\r\n\r\n"[..],
            b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n",
            b"220 ready\r\ncontent-length: 0\r\n\r\n",
        ] {
            assert!(Answer::read(bytes).is_err());
        }
    }
}
