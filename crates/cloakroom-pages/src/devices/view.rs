//! What the devices page shows.

use std::net::IpAddr;

use askama::Template;
use cloakroom::store::Entry;
use cloakroom::{Device, FormToken, Handle, Timestamp};

use super::DevicesTexts;
use super::handlers::Done;
use crate::browser::{Describe, Kind};
use crate::moment::Moment;

#[derive(Template)]
#[template(path = "devices.html")]
pub(super) struct View<'a> {
    pub(super) texts: &'a DevicesTexts,
    pub(super) token: FormToken,
    pub(super) end: String,
    pub(super) end_others: String,
    pub(super) rename: String,
    /// Where to confirm first who one is.
    pub(super) confirm: Option<String>,
    pub(super) done: Option<String>,
    pub(super) devices: Vec<Row>,
}

pub(super) struct Row {
    handle: Handle,
    is_current: bool,
    is_phone: bool,
    name: String,
    /// What a screen reader says after "log out".
    of_which: String,
    label: String,
    /// What it is, where its name does not say so.
    browser: Option<String>,
    logged_in: Moment,
    seen: Moment,
    from: Option<String>,
}

/// This device first, and the others as they came: the last seen before the rest.
pub(super) fn rows(devices: Vec<Device>, now: Timestamp, texts: &DevicesTexts, describe: &Describe) -> Vec<Row> {
    let mut rows: Vec<_> = devices.iter().map(|device| row(device, now, texts, describe)).collect();
    rows.sort_by_key(|row| !row.is_current);
    rows
}

fn row(Device { entry, is_current, .. }: &Device, now: Timestamp, texts: &DevicesTexts, describe: &Describe) -> Row {
    let described = entry.user_agent().and_then(|text| describe(&text));
    let browser = match &described {
        Some(browser) => match &browser.system {
            Some(system) => (texts.browser_on)(&browser.name, system),
            None => browser.name.clone(),
        },
        None => texts.unknown_browser.clone().into_owned(),
    };
    let label = entry.label();
    let name = label.clone().unwrap_or_else(|| browser.clone());
    Row {
        handle: entry.handle.clone(),
        is_current: *is_current,
        is_phone: described.is_some_and(|browser| browser.kind == Kind::Mobile),
        of_which: (texts.log_out_of)(&name),
        name,
        browser: label.is_some().then_some(browser),
        label: label.unwrap_or_default(),
        logged_in: logged_in(entry, now, texts),
        seen: Moment::past(entry.seen, now, |time| (texts.seen)(&(texts.ago)(time))),
        from: entry.address().map(|address| (texts.from)(&in_short(address))),
    }
}

fn logged_in(entry: &Entry, now: Timestamp, texts: &DevicesTexts) -> Moment {
    let method = entry.log_in_method();
    Moment::past(entry.logged_in_at().unwrap_or(entry.created), now, |time| {
        let ago = (texts.ago)(time);
        match &method {
            Some(method) => (texts.logged_in_by)(&ago, method),
            None => (texts.logged_in)(&ago),
        }
    })
}

/// An IPv4 address that came in over IPv6 is one of IPv4.
fn in_short(address: IpAddr) -> String {
    address.to_canonical().to_string()
}

/// What was done, in words.
pub(super) fn in_words(done: Done, texts: &DevicesTexts) -> String {
    match done {
        Done::Ended => texts.ended.clone().into_owned(),
        Done::EndedBefore => texts.ended_before.clone().into_owned(),
        Done::OthersEnded(count) => (texts.others_ended)(count),
        Done::Renamed => texts.renamed.clone().into_owned(),
        Done::NameRemoved => texts.name_removed.clone().into_owned(),
        Done::NameTooLong => texts.name_too_long.clone().into_owned(),
    }
}
