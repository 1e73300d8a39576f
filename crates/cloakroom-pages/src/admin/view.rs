//! What the administrator's pages show.

use std::time::Duration;

use askama::Template;
use cloakroom::store::Entry;
use cloakroom::{FormToken, Handle, Timestamp};

use super::chart::{Bars, Line, with_commas};
use crate::browser::BrowserName;
use crate::history::{Live, Point};
use crate::moment::{Moment, ago, time_of_day};

/// What all of them have in common.
pub(super) struct Frame {
    pub(super) token: FormToken,
    pub(super) home: String,
    pub(super) all: String,
    pub(super) user: String,
    pub(super) end: String,
    pub(super) end_all: String,
    pub(super) end_everything: String,
    /// Where to confirm first who one is.
    pub(super) confirm: Option<String>,
    pub(super) done: Option<String>,
}

#[derive(Template)]
#[template(path = "admin/overview.html")]
pub(super) struct Overview {
    pub(super) frame: Frame,
    pub(super) live: String,
    pub(super) charts: Option<Charts>,
    pub(super) ends_everything: bool,
}

pub(super) struct Charts {
    pub(super) reach: String,
    pub(super) began: String,
    pub(super) ended: String,
    pub(super) line: Line,
    pub(super) bars: Bars,
    pub(super) rows: Vec<PointRow>,
}

pub(super) struct PointRow {
    pub(super) time: String,
    pub(super) live: String,
    pub(super) began: u64,
    pub(super) ended: u64,
}

#[derive(Template)]
#[template(path = "admin/all.html")]
pub(super) struct All {
    pub(super) frame: Frame,
    pub(super) rows: Vec<Row>,
    pub(super) is_first: bool,
    pub(super) next: Option<Handle>,
}

#[derive(Template)]
#[template(path = "admin/user.html")]
pub(super) struct User {
    pub(super) frame: Frame,
    pub(super) name: String,
    pub(super) count: String,
    pub(super) has_sessions: bool,
    /// None where there are too many to list.
    pub(super) rows: Option<Vec<Row>>,
}

pub(super) struct Row {
    handle: Handle,
    user: Option<String>,
    browser: String,
    from: String,
    began: Moment,
    seen: Moment,
}

pub(super) fn rows(entries: &[Entry], now: Timestamp) -> Vec<Row> {
    entries.iter().map(|entry| row(entry, now)).collect()
}

fn row(entry: &Entry, now: Timestamp) -> Row {
    let browser = entry.user_agent().and_then(|text| BrowserName::parse(&text));
    let named = browser.map(|browser| match browser.system {
        Some(system) => format!("{} on {system}", browser.name),
        None => browser.name,
    });
    Row {
        handle: entry.handle.clone(),
        user: entry.user.as_ref().map(|user| user.as_str().to_owned()),
        browser: named.unwrap_or_else(|| "Unknown".to_owned()),
        from: entry.address().map_or_else(|| "–".to_owned(), |address| address.to_canonical().to_string()),
        began: Moment::past(entry.created, now, ago),
        seen: Moment::past(entry.seen, now, ago),
    }
}

pub(super) fn in_words(live: Live) -> String {
    match live {
        Live::Exactly(count) => with_commas(count),
        Live::MoreThan(count) => format!("more than {}", with_commas(count)),
    }
}

/// The newest first.
pub(super) fn point_rows(points: &[Point]) -> Vec<PointRow> {
    let row = |point: &Point| PointRow {
        time: time_of_day(point.from),
        live: point.live.map_or_else(|| "–".to_owned(), in_words),
        began: point.began,
        ended: point.ended,
    };
    points.iter().rev().map(row).collect()
}

/// A length of time, such as "60 minutes".
pub(super) fn span(time: Duration) -> String {
    let seconds = time.as_secs();
    match seconds {
        0..120 => format!("{seconds} seconds"),
        120..7_200 => format!("{} minutes", seconds / 60),
        _ => format!("{} hours", seconds / 3_600),
    }
}
