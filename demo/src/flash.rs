//! A message for the visitor's next page.

use std::borrow::Cow;

use cloakroom::Key;

/// Shown once: the page that shows it [takes](cloakroom::Session::take) it out of the session.
pub(crate) const FLASH: Key<Cow<'static, str>> = Key::new("flash");
