//! A browser's side of `Set-Cookie`, as RFC 6265bis, sections 5.6 and 5.7, has it step by step.

use std::collections::BTreeMap;

/// A cookie as a browser has read it: of attributes given twice the last one.
#[derive(Debug)]
pub(crate) struct Received<'a> {
    pub(crate) name: &'a str,
    pub(crate) value: &'a str,
    /// By name in lower case.
    pub(crate) attributes: BTreeMap<String, &'a str>,
}

/// None where the browser ignores the whole line.
pub(crate) fn receive(line: &str) -> Option<Received<'_>> {
    if line.bytes().any(|byte| matches!(byte, 0..=8 | 0x0a..=0x1f | 0x7f)) {
        return None;
    }
    let mut parts = line.split(';');
    let pair = parts.next()?;
    let (name, value) = pair.split_once('=').unwrap_or(("", pair));
    let (name, value) = (trim(name), trim(value));
    if name.len() + value.len() > 4096 || (name.is_empty() && value.is_empty()) {
        return None;
    }
    let mut attributes = BTreeMap::new();
    for part in parts {
        let (name, value) = part.split_once('=').unwrap_or((part, ""));
        let (name, value) = (trim(name), trim(value));
        if value.len() <= 1024 {
            attributes.insert(name.to_ascii_lowercase(), value);
        }
    }
    Some(Received { name, value, attributes })
}

impl Received<'_> {
    /// Whether a browser keeps it that received it over HTTPS, from a host that may set it.
    pub(crate) fn is_kept(&self) -> bool {
        let has = |name: &str| self.attributes.contains_key(name);
        let name = self.name.to_ascii_lowercase();
        let value = self.value.to_ascii_lowercase();
        let prefixes = ["__secure-", "__host-", "__http-", "__host-http-"];
        if name.is_empty() && prefixes.iter().any(|prefix| value.starts_with(prefix)) {
            return false;
        }
        let same_site_none = self.attributes.get("samesite").is_some_and(|value| value.eq_ignore_ascii_case("none"));
        if (same_site_none || has("partitioned")) && !has("secure") {
            return false;
        }
        if name.starts_with("__secure-") && !has("secure") {
            return false;
        }
        let http = ["__http-", "__host-http-"].iter().any(|prefix| name.starts_with(prefix));
        if http && !(has("secure") && has("httponly")) {
            return false;
        }
        let host_alone = !has("domain") && self.attributes.get("path") == Some(&"/");
        !name.starts_with("__host-") || (has("secure") && host_alone)
    }
}

fn trim(text: &str) -> &str {
    text.trim_matches([' ', '\t'])
}
