//! The options behind a URL's question mark that no driver knows.

#[cfg(any(feature = "mongodb", feature = "postgres", feature = "redis"))]
use std::time::Duration;

use percent_encoding::percent_decode_str;

use crate::StoreUrlError;

/// What is taken out of a URL, whichever driver it is for. No driver has an option of one of these names.
const NAMES: [&str; 20] = [
    "cluster",
    "collection",
    "crypto",
    "crypto_iterations",
    "disable_touch",
    "disable_ttl",
    "expires_key",
    "id_field",
    "layout",
    "near",
    "prefix",
    "schema",
    "synchronous",
    "table",
    "time_zone",
    "timestamps",
    "tombstones",
    "touch_after",
    "ttl",
    "user_at",
];

/// The options that were taken out of a URL, and that nobody has asked for yet.
pub(crate) struct Options {
    kind: &'static str,
    left: Vec<(&'static str, String)>,
}

impl Options {
    /// The URL without these options, and the options. `more` are options that do not stand in the URL.
    pub(crate) fn take_from(
        url: &str,
        kind: &'static str,
        more: &[(&str, &str)],
    ) -> Result<(String, Options), StoreUrlError> {
        let (address, query) = url.split_once('?').unwrap_or((url, ""));
        // Redis has its own use for what is behind a `#`.
        let (query, fragment) = query.split_at(query.find('#').unwrap_or(query.len()));
        let mut options = Options { kind, left: Vec::new() };
        let mut others = Vec::new();
        for pair in query.split('&').filter(|pair| !pair.is_empty()) {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            match NAMES.into_iter().find(|known| *known == name) {
                Some(name) => {
                    let value = percent_decode_str(value).decode_utf8();
                    let not_text = |error| StoreUrlError::with_source(format!("`{name}` is no text"), error);
                    options.add(name, value.map_err(not_text)?.into_owned())?;
                }
                None => others.push(pair),
            }
        }
        for (name, value) in more {
            let known = NAMES.into_iter().find(|known| known == name);
            options.add(known.ok_or_else(|| options.unknown())?, (*value).to_owned())?;
        }
        let glue = if others.is_empty() { "" } else { "?" };
        Ok((format!("{address}{glue}{}{fragment}", others.join("&")), options))
    }

    fn add(&mut self, name: &'static str, value: String) -> Result<(), StoreUrlError> {
        if self.left.iter().any(|(each, _)| *each == name) {
            return Err(StoreUrlError::words(format!("the option `{name}` is given twice")));
        }
        self.left.push((name, value));
        Ok(())
    }

    /// The value of an option.
    pub(crate) fn take(&mut self, name: &str) -> Option<String> {
        let at = self.left.iter().position(|(each, _)| *each == name)?;
        Some(self.left.swap_remove(at).1)
    }

    /// That all options were asked for.
    pub(crate) fn finish(self) -> Result<(), StoreUrlError> {
        match self.left.first() {
            None => Ok(()),
            Some((name, _)) => {
                Err(StoreUrlError::words(format!("the option `{name}` means nothing to {} in this layout", self.kind)))
            }
        }
    }

    /// An option that there is nobody to understand. Its name may be anything, so it is not told.
    pub(crate) fn unknown(&self) -> StoreUrlError {
        StoreUrlError::words(format!("there is an option that {} does not have", self.kind))
    }
}

#[cfg(any(feature = "mongodb", feature = "postgres", feature = "redis"))]
impl Options {
    /// The layout of Express that is asked for, by its name; none for the store's own.
    pub(crate) fn layout<L>(
        &mut self,
        by_name: impl FnOnce(&str) -> Option<L>,
        there_are: &str,
    ) -> Result<Option<L>, StoreUrlError> {
        let Some(name) = self.take("layout").filter(|name| name != "native") else { return Ok(None) };
        let layout = by_name(&name).ok_or_else(|| {
            // A package's name holds no secret; what is none may.
            let is_name = name.chars().all(|letter| letter.is_ascii_lowercase() || letter == '-');
            let name = if is_name { format!("the layout `{name}`") } else { "that layout".to_owned() };
            StoreUrlError::words(format!("{name} is not available for {}; there are `native`, {there_are}", self.kind))
        })?;
        Ok(Some(layout))
    }

    /// Whether a switch is on: 1 or 0.
    pub(crate) fn is_on(&mut self, name: &str) -> Result<bool, StoreUrlError> {
        match self.take(name).as_deref() {
            None | Some("0") => Ok(false),
            Some("1") => Ok(true),
            Some(_) => Err(StoreUrlError::words(format!("`{name}` is 1 or 0"))),
        }
    }

    /// A time in whole seconds.
    pub(crate) fn seconds(&mut self, name: &str) -> Result<Option<Duration>, StoreUrlError> {
        let Some(text) = self.take(name) else { return Ok(None) };
        let no_number = |error| StoreUrlError::with_source(format!("`{name}` is no number of seconds"), error);
        Ok(Some(Duration::from_secs(text.parse().map_err(no_number)?)))
    }
}
