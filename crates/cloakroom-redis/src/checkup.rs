//! What the store's guarantees rest on: that the server forgets nothing by itself, and that it writes down what it knows.

use std::collections::HashMap;

use cloakroom::store::{Finding, StoreError, Verdict};
use redis::Value as Reply;

use crate::error::{Call, corrupt};
use crate::layout;
use crate::link::Link;
use crate::script::Request;
use crate::store::Place;

/// What `INFO` tells.
type Info = HashMap<String, String>;

pub(crate) async fn checkup(place: &Place) -> Result<Vec<Finding>, StoreError> {
    let masters = place.server.masters().await.map_err(|failure| failure.of(Call::Read))?;
    let mut findings = Vec::new();
    for (number, node) in (1..).zip(&masters) {
        let which = if masters.len() > 1 { format!(" of master {number} of {}", masters.len()) } else { String::new() };
        let info = info(place, node).await?;
        let settings = [
            version(&info),
            eviction(&info),
            append_only(&info),
            sync(place, node, &info).await,
            replicas(place, &info),
        ];
        for mut finding in settings {
            finding.subject = format!("{}{which}", finding.subject).into();
            findings.push(finding);
        }
    }
    Ok(findings)
}

async fn info(place: &Place, node: &Link) -> Result<Info, StoreError> {
    let told = place.server.ask_of(node, Call::Read, &Request::command("INFO")).await?;
    let text = match told {
        Reply::VerbatimString { text, .. } => text,
        other => layout::string(other)?,
    };
    let info: Info =
        text.lines().filter_map(|line| line.split_once(':')).map(|(name, value)| (name.into(), value.into())).collect();
    if info.is_empty() { Err(corrupt("INFO")) } else { Ok(info) }
}

fn of<'a>(info: &'a Info, name: &str) -> &'a str {
    info.get(name).map_or("?", String::as_str)
}

fn version(info: &Info) -> Finding {
    let valkey = info.get("valkey_version").map(|version| format!("Valkey {version}"));
    Finding::new("version", Verdict::Good, valkey.unwrap_or_else(|| format!("Redis {}", of(info, "redis_version"))))
}

fn eviction(info: &Info) -> Finding {
    let (policy, most) = (of(info, "maxmemory_policy"), of(info, "maxmemory_human"));
    let evicts = policy != "noeviction";
    Finding::judge(
        "maxmemory-policy",
        !evicts,
        if of(info, "maxmemory") == "0" { Verdict::Weak } else { Verdict::Bad },
        format!("{policy}, with maxmemory {most}; {} keys evicted so far", of(info, "evicted_keys")),
        "when memory is full the server throws users out, and says so to nobody: set maxmemory-policy noeviction",
    )
}

fn append_only(info: &Info) -> Finding {
    Finding::judge(
        "appendonly",
        of(info, "aof_enabled") == "1",
        Verdict::Bad,
        if of(info, "aof_enabled") == "1" { "yes" } else { "no" },
        "a crash of the server takes back all since the last snapshot: who logged out is logged in again; set appendonly yes",
    )
}

async fn sync(place: &Place, node: &Link, info: &Info) -> Finding {
    let request = Request::command("CONFIG").arg("GET").arg("appendfsync");
    let told = place.server.ask_of(node, Call::Read, &request).await;
    let word = match told {
        Ok(Reply::Map(pairs)) => pairs.into_iter().next().and_then(|(_, word)| layout::string(word).ok()),
        Ok(Reply::Array(pair)) => pair.into_iter().nth(1).and_then(|word| layout::string(word).ok()),
        Ok(_) | Err(_) => None,
    };
    let Some(word) = word else {
        return Finding::new("appendfsync", Verdict::Unknown, "the server does not let this user look");
    };
    let words = if of(info, "aof_enabled") == "1" { word.clone() } else { format!("{word}, but appendonly is off") };
    Finding::judge(
        "appendfsync",
        word == "always",
        Verdict::Weak,
        words,
        "a power cut may take back the last second, log-outs among it; `always` writes each, and is slower",
    )
}

fn replicas(place: &Place, info: &Info) -> Finding {
    let count = of(info, "connected_slaves");
    let waits = match place.replicas {
        Some(replicas) => format!("; each write waits for {}", replicas.count),
        None => "; no write waits for one, so that a fail-over may take back the last writes".to_owned(),
    };
    Finding::new("replicas", Verdict::Note, format!("{count} connected{waits}"))
}
