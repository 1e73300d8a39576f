//! The cookies of one browser.

/// The cookies of one browser, as names and values.
#[derive(Clone, Debug, Default)]
pub struct Jar {
    cookies: Vec<(String, String)>,
    line: String,
}

impl Jar {
    /// With one cookie that is none of the server's, though it looks like a ticket of Cloakroom's.
    pub fn foreign() -> Jar {
        let mut jar = Jar::default();
        jar.set(&format!("sid=s%3A{}.{}", "i".repeat(43), "s".repeat(43)));
        jar
    }

    /// Keeps the cookie of a Set-Cookie line, in the place of an older one of its name.
    pub(crate) fn set(&mut self, line: &str) {
        let pair = line.split(';').next().unwrap_or_default();
        let Some((name, value)) = pair.trim().split_once('=') else { return };
        match self.cookies.iter_mut().find(|(each, _)| each == name) {
            Some((_, kept)) => value.clone_into(kept),
            None => self.cookies.push((name.to_owned(), value.to_owned())),
        }
        let pairs: Vec<String> = self.cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
        self.line = format!("Cookie: {}\r\n", pairs.join("; "));
    }

    /// The line of a request; empty without cookies.
    pub(crate) fn line(&self) -> &[u8] {
        self.line.as_bytes()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.cookies.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_of_a_name_is_sent() {
        let mut jar = Jar::default();
        assert_eq!(jar.line(), b"");
        jar.set("sid=s%3Aa.b; Path=/; HttpOnly");
        jar.set("store=true");
        jar.set("sid=c; Path=/");
        assert_eq!(jar.line(), b"Cookie: sid=c; store=true\r\n");
    }
}
