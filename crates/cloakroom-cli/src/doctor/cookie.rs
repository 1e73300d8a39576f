//! A line of `Set-Cookie`, as a browser reads it (RFC 6265bis, section 5).

/// A cookie with its attributes.
#[derive(Clone, Debug)]
pub(crate) struct SetCookie {
    pub(crate) name: String,
    /// What no finding shows.
    pub(crate) value: String,
    /// Names in lower case, and values as they are.
    attributes: Vec<(String, String)>,
}

impl SetCookie {
    pub(crate) fn read(line: &str) -> Option<SetCookie> {
        let mut parts = line.split(';');
        let (name, value) = parts.next()?.split_once('=')?;
        let attributes = parts.map(|part| {
            let (name, value) = part.split_once('=').unwrap_or((part, ""));
            (name.trim().to_ascii_lowercase(), value.trim().to_owned())
        });
        Some(SetCookie {
            name: name.trim().to_owned(),
            value: value.trim().to_owned(),
            attributes: attributes.collect(),
        })
    }

    /// The value of an attribute. Of two of one name the last counts.
    pub(crate) fn attribute(&self, name: &str) -> Option<&str> {
        self.attributes.iter().rev().find(|(each, _)| each == name).map(|(_, value)| value.as_str())
    }

    pub(crate) fn has(&self, name: &str) -> bool {
        self.attribute(name).is_some()
    }

    /// Whether it takes the cookie away.
    pub(crate) fn is_removal(&self) -> bool {
        let is_over = self.attribute("max-age").is_some_and(|age| age.parse::<i64>().is_ok_and(|age| age <= 0));
        is_over || self.value.is_empty() || self.attribute("expires").is_some_and(|date| date.contains("1970"))
    }

    /// The line without the value.
    pub(crate) fn shown(&self) -> String {
        let attributes = self.attributes.iter().map(|(name, value)| match value.as_str() {
            "" => format!("; {name}"),
            value => format!("; {name}={value}"),
        });
        format!("{}=…{}", self.name, attributes.collect::<String>())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_read_as_a_browser_does_and_shown_without_its_value() {
        let cookie = SetCookie::read("__Host-sid=hunter2; Path=/; HTTPONLY; samesite=Lax; SameSite=None").unwrap();
        assert_eq!(
            (&*cookie.name, cookie.attribute("samesite"), cookie.has("httponly")),
            ("__Host-sid", Some("None"), true)
        );
        assert!(!cookie.is_removal() && !cookie.shown().contains("hunter2"), "{}", cookie.shown());
        assert!(SetCookie::read("a=; Max-Age=0").unwrap().is_removal());
        assert!(SetCookie::read("nothing").is_none());
    }
}
