//! What must hold of any input, however hostile.
//!
//! Each module here is one target: its `check` takes any bytes, does with them what a server would do with those of a
//! stranger, and panics if something does not hold that somebody relies on. No panic at all is the least of it: what is
//! read is compared with what an independent and simple-minded reader reads (`oracle`), and what is written is read back.
//!
//! cargo-fuzz runs them for as long as one likes (`cargo xtask fuzz`); a plain test runs them over the committed corpus and
//! some thousand mutations of it (`tests/corpus.rs`).
#![allow(clippy::expect_used, reason = "a check that fails panics")]

pub mod cookie_header;
pub mod cross_site;
pub mod sealed_cookie;
pub mod set_cookie;
pub mod ticket;

pub mod session_text;
pub mod value;

pub mod mongodb_document;
pub mod mongodb_express;
pub mod mongodb_record;

mod input;
mod oracle;

/// A target: its name, which is also that of its corpus, and its check.
#[derive(Clone, Copy, Debug)]
pub struct Target {
    /// As in `cargo xtask fuzz NAME`.
    pub name: &'static str,
    /// Panics if something does not hold for these bytes.
    pub check: fn(&[u8]),
}

/// All targets.
pub const TARGETS: [Target; 10] = [
    Target { name: "cookie_header", check: cookie_header::check },
    Target { name: "cross_site", check: cross_site::check },
    Target { name: "mongodb_document", check: mongodb_document::check },
    Target { name: "mongodb_express", check: mongodb_express::check },
    Target { name: "mongodb_record", check: mongodb_record::check },
    Target { name: "sealed_cookie", check: sealed_cookie::check },
    Target { name: "session_text", check: session_text::check },
    Target { name: "set_cookie", check: set_cookie::check },
    Target { name: "ticket", check: ticket::check },
    Target { name: "value", check: value::check },
];
