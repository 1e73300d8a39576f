//! What the devices page says.

use std::borrow::Cow;
use std::time::Duration;

use crate::moment;

type Text = Cow<'static, str>;

/// All that a [`DevicesPage`](super::DevicesPage) says, in English unless it is told otherwise.
///
/// Texts are plain, not HTML: the page escapes them. Where a number or a name is part of a text, it is a function.
///
/// ```
/// use cloakroom_pages::DevicesTexts;
///
/// let mut german = DevicesTexts::default();
/// german.language = "de".into();
/// german.title = "Wo Sie angemeldet sind".into();
/// german.others_ended = |count| match count {
///     0 => "Sie sind sonst nirgends angemeldet.".into(),
///     1 => "Ein anderes Gerät ist abgemeldet.".into(),
///     _ => format!("{count} andere Geräte sind abgemeldet."),
/// };
/// # assert_eq!((german.others_ended)(3), "3 andere Geräte sind abgemeldet.");
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct DevicesTexts {
    /// The language as HTML names it (BCP 47), such as `en` or `pt-BR`.
    pub language: Text,
    /// The title of the page and its heading.
    pub title: Text,
    /// What stands below the heading.
    pub lead: Text,
    /// Marks the device that the page is shown on.
    pub this_device: Text,
    /// A browser that does not tell what it is, or in words that nobody knows.
    pub unknown_browser: Text,
    /// A browser and its system, such as "Firefox on Linux".
    pub browser_on: fn(browser: &str, system: &str) -> String,
    /// When it logged in; the argument is what [`ago`](DevicesTexts::ago) says.
    pub logged_in: fn(ago: &str) -> String,
    /// When it logged in and how, in the application's own word for the method, such as `password`.
    pub logged_in_by: fn(ago: &str, method: &str) -> String,
    /// When it was last seen.
    pub seen: fn(ago: &str) -> String,
    /// Where from: an address, or the first of a network.
    pub from: fn(address: &str) -> String,
    /// How long ago something was.
    pub ago: fn(Duration) -> String,
    /// The button that ends another device's session.
    pub log_out: Text,
    /// What a screen reader says after it: of which device.
    pub log_out_of: fn(device: &str) -> String,
    /// The button that ends all others.
    pub log_out_others: Text,
    /// In its place where there are no others.
    pub no_others: Text,
    /// Opens the form that gives this device a name.
    pub rename: Text,
    /// The label of its field.
    pub label: Text,
    /// What stands below that field.
    pub label_hint: Text,
    /// Its button.
    pub save: Text,
    /// That somebody has to confirm who they are before they can log out other devices.
    pub confirm: Text,
    /// The link that leads there.
    pub confirm_link: Text,
    /// Another device was logged out.
    pub ended: Text,
    /// It was logged out already.
    pub ended_before: Text,
    /// So many other devices were logged out.
    pub others_ended: fn(count: u64) -> String,
    /// This device has its new name.
    pub renamed: Text,
    /// This device has no name any more.
    pub name_removed: Text,
    /// The name was too long.
    pub name_too_long: Text,
    /// In place of the page where nobody is logged in and no log-in page was named.
    pub not_logged_in: Text,
}

impl Default for DevicesTexts {
    fn default() -> DevicesTexts {
        DevicesTexts {
            language: "en".into(),
            title: "Where you are logged in".into(),
            lead: "Each of these browsers is logged in to your account. If you don’t know one, log it out: its next \
                   request is a stranger’s."
                .into(),
            this_device: "This device".into(),
            unknown_browser: "Unknown browser".into(),
            browser_on: |browser, system| format!("{browser} on {system}"),
            logged_in: |ago| format!("Logged in {ago}"),
            logged_in_by: |ago, method| format!("Logged in {ago} by {method}"),
            seen: |ago| format!("last seen {ago}"),
            from: |address| format!("from {address}"),
            ago: moment::ago,
            log_out: "Log out".into(),
            log_out_of: |device| format!("of {device}"),
            log_out_others: "Log out everywhere else".into(),
            no_others: "You are logged in nowhere else.".into(),
            rename: "Rename".into(),
            label: "Name of this device".into(),
            label_hint: "Only you see it. Leave it empty to remove it.".into(),
            save: "Save".into(),
            confirm: "Before you can log out other devices, please confirm that it is you.".into(),
            confirm_link: "Confirm".into(),
            ended: "That device is logged out.".into(),
            ended_before: "That device was logged out already.".into(),
            others_ended: |count| match count {
                0 => "You were logged in nowhere else.".to_owned(),
                1 => "1 other device is logged out.".to_owned(),
                _ => format!("{count} other devices are logged out."),
            },
            renamed: "This device has its new name.".into(),
            name_removed: "This device has no name any more.".into(),
            name_too_long: "That name is too long.".into(),
            not_logged_in: "Please log in first.".into(),
        }
    }
}
