//! A history as a person reads it: one line for each beginning and each end, in their order.

use std::fmt::Write as _;

use super::record::{Answer, Call, Change, Datum, Exchange, History, Loaded, Span, Ticket, Write};

/// The history, line by line.
pub(super) fn history(history: &History) -> String {
    let mut lines: Vec<(u64, String)> = Vec::new();
    for (number, exchange) in history.exchanges.iter().enumerate() {
        exchange_lines(&mut lines, number, exchange);
    }
    for (span, text) in &history.events {
        lines.push((span.end, text.clone()));
    }
    lines.sort();
    let mut text = String::new();
    for (at, line) in lines {
        let at = if at == u64::MAX { "   ?".to_owned() } else { format!("{at:4}") };
        // Writing to a string never fails.
        writeln!(text, "{at}  {line}").unwrap_or_default();
    }
    text
}

fn exchange_lines(lines: &mut Vec<(u64, String)>, number: usize, exchange: &Exchange) {
    let who = exchange.client.map_or_else(|| "audit".to_owned(), |client| format!("client {client}"));
    let with = exchange.ticket.map_or_else(|| "no ticket".to_owned(), |ticket| format!("ticket {ticket}"));
    let mut add = |span: &Span, begins: String, ends: String| {
        let is_alone = span.end == span.start + 1;
        if is_alone {
            lines.push((span.start, format!("{who}  r{number}  {begins}: {ends}")));
        } else {
            lines.push((span.start, format!("{who}  r{number}  {begins} …")));
            lines.push((span.end, format!("{who}  r{number}  … {begins}: {ends}")));
        }
    };
    for step in &exchange.steps {
        match &step.call {
            Call::Load(loaded) => add(&step.span, format!("loads by {with}"), loaded_text(loaded.as_ref())),
            Call::Write(write, answer) => {
                add(&step.span, format!("writes at once {}", write_text(write)), answer_text(answer));
            }
            Call::Revoke(revoke, answer) => {
                let whom = revoke.handle.as_deref().unwrap_or("all others");
                add(&step.span, format!("ends {whom} of {}", revoke.user), answer_text(answer));
            }
        }
    }
    let response = match &exchange.response {
        None => "the client has hung up".to_owned(),
        Some(response) => match response.ticket {
            Ticket::Stays => response.status.to_string(),
            Ticket::New(ticket) => format!("{}, and ticket {ticket}", response.status),
            Ticket::Removed => format!("{}, and no ticket any more", response.status),
        },
    };
    if let Some(commit) = &exchange.commit {
        add(&commit.span, format!("commits {}", write_text(&commit.write)), response);
    }
}

fn loaded_text(loaded: Option<&Loaded>) -> String {
    match loaded {
        None => "no answer".to_owned(),
        Some(Loaded::Empty) => "no session".to_owned(),
        Some(Loaded::Found(found)) => {
            let pairs: Vec<_> = found.data.iter().map(|(key, datum)| format!("{key}={datum}")).collect();
            let user = found.user.as_ref().map(|user| format!(" of {user}")).unwrap_or_default();
            format!("session {}{user} {{{}}}", found.handle, pairs.join(" "))
        }
    }
}

fn write_text(write: &Write) -> String {
    let mut parts = Vec::new();
    if write.ends {
        parts.push("log-out".to_owned());
    }
    if let Some(user) = &write.user {
        parts.push(format!("log-in of {user}"));
    }
    if write.rotates {
        parts.push("new id".to_owned());
    }
    parts.extend(write.changes.iter().map(|change| match change {
        Change::Set(key, value) => format!("{key}={value}"),
        Change::Unset(key) => format!("no {key}"),
        Change::Add(key, by) => format!("{key}+{by}"),
        Change::Append(key, entry) => format!("{key}+{entry}"),
        Change::Clear => "clear".to_owned(),
    }));
    if parts.is_empty() { "nothing".to_owned() } else { parts.join(", ") }
}

fn answer_text(answer: &Answer) -> String {
    match answer {
        Answer::Done(None) => "done".to_owned(),
        Answer::Done(Some(Datum::Number(number))) => number.to_string(),
        Answer::Done(Some(Datum::Text(text))) => format!("{text:?}"),
        Answer::Refused => "gone".to_owned(),
        Answer::Unknown => "no answer".to_owned(),
        Answer::Unexpected(error) => format!("unexpected: {error}"),
    }
}
