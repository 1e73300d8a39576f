//! What a browser calls itself, for people.

use woothee::parser::{Parser, WootheeResult};

/// Names a browser by its own word.
pub(crate) type Describe = dyn Fn(&str) -> Option<BrowserName> + Send + Sync;

/// A browser and its system by the names that people know.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct BrowserName {
    /// Such as `Firefox`.
    pub name: String,
    /// Such as `Windows`; none if that is not known.
    pub system: Option<String>,
    /// What it runs on, for a picture.
    pub kind: Kind,
}

/// What a browser runs on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Kind {
    /// A computer, or what can't be told.
    Computer,
    /// A telephone.
    Mobile,
}

impl BrowserName {
    /// A browser by its names.
    pub fn new(name: impl Into<String>, system: Option<String>, kind: Kind) -> BrowserName {
        BrowserName { name: name.into(), system, kind }
    }

    /// What a `User-Agent` header tells; none if that is nothing that is known. Versions are left out: browsers tell half of
    /// them, and wrong ones.
    ///
    /// ```
    /// use cloakroom_pages::BrowserName;
    ///
    /// let firefox = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0";
    /// let browser = BrowserName::parse(firefox).unwrap();
    /// assert_eq!((browser.name.as_str(), browser.system.as_deref()), ("Firefox", Some("Linux")));
    /// assert_eq!(BrowserName::parse("something"), None);
    /// ```
    pub fn parse(user_agent: &str) -> Option<BrowserName> {
        let WootheeResult { name, os, category, .. } = Parser::new().parse(user_agent)?;
        let kind = if matches!(category, "smartphone" | "mobilephone") { Kind::Mobile } else { Kind::Computer };
        Some(BrowserName::new(known(name)?, system(os).map(str::to_owned), kind))
    }
}

fn known(name: &str) -> Option<&str> {
    Some(name).filter(|name| !name.is_empty() && *name != "UNKNOWN")
}

/// The system as its makers call it, without a version.
fn system(os: &str) -> Option<&str> {
    known(os).map(|os| match os {
        "Mac OSX" => "macOS",
        "iPhone" | "iPod" => "iPhone",
        "iPad" => "iPad",
        os if os.starts_with("Windows Phone") => "Windows Phone",
        os if os.starts_with("Windows") => "Windows",
        os => os,
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn told(user_agent: &str) -> Option<(String, String, Kind)> {
        let BrowserName { name, system, kind } = BrowserName::parse(user_agent)?;
        Some((name, system.unwrap_or_default(), kind))
    }

    #[test]
    fn browsers_of_today_are_known() {
        const WEBKIT: &str = "AppleWebKit/605.1.15 (KHTML, like Gecko)";
        const CHROME: &str = "AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0";
        let windows = format!("Mozilla/5.0 (Windows NT 10.0; Win64; x64) {CHROME}");
        let iphone = format!("Mozilla/5.0 (iPhone; CPU iPhone OS 18_5 like Mac OS X) {WEBKIT}");
        for (user_agent, name, system, kind) in [
            (
                "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0",
                "Firefox",
                "Linux",
                Kind::Computer,
            ),
            (
                "Mozilla/5.0 (Android 15; Mobile; rv:140.0) Gecko/140.0 Firefox/140.0",
                "Firefox",
                "Android",
                Kind::Mobile,
            ),
            (&format!("{windows} Safari/537.36"), "Chrome", "Windows", Kind::Computer),
            (&format!("{windows} Safari/537.36 Edg/140.0.0.0"), "Edge", "Windows", Kind::Computer),
            (&format!("{windows} Safari/537.36 OPR/120.0.0.0"), "Opera", "Windows", Kind::Computer),
            (
                &format!("Mozilla/5.0 (Linux; Android 10; K) {CHROME} Mobile Safari/537.36"),
                "Chrome",
                "Android",
                Kind::Mobile,
            ),
            (
                &format!("Mozilla/5.0 (X11; CrOS x86_64 14541.0.0) {CHROME} Safari/537.36"),
                "Chrome",
                "ChromeOS",
                Kind::Computer,
            ),
            (
                &format!("Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) {WEBKIT} Version/18.5 Safari/605.1.15"),
                "Safari",
                "macOS",
                Kind::Computer,
            ),
            (&format!("{iphone} Version/18.5 Mobile/15E148 Safari/604.1"), "Safari", "iPhone", Kind::Mobile),
            (&format!("{iphone} CriOS/140.0.0.0 Mobile/15E148 Safari/604.1"), "Chrome", "iPhone", Kind::Mobile),
            (&format!("{iphone} FxiOS/140.0 Mobile/15E148 Safari/605.1.15"), "Firefox", "iPhone", Kind::Mobile),
        ] {
            assert_eq!(told(user_agent), Some((name.to_owned(), system.to_owned(), kind)), "{user_agent}");
        }
    }

    #[test]
    fn what_is_no_browser_is_unknown() {
        for text in ["", " ", "something", "Mozilla/5.0", "é€\u{0}"] {
            assert_eq!(told(text), None, "{text:?}");
        }
    }

    proptest! {
        /// Anybody may write anything there.
        #[test]
        fn no_text_is_too_odd(
            text in "(Mozilla/5.0 )?(\\(.{0,30}\\)|Windows|iPhone|Android|CrOS|MSIE |Opera|Safari|Edge/|DoCoMo|[ -~]{0,9}|.{0,9}){0,6}",
        ) {
            BrowserName::parse(&text);
        }
    }
}
