//! Pages for the sessions of [Cloakroom](cloakroom): HTML from the server, for axum, without JavaScript.
//!
//! - [`DevicesPage`]: where a user is logged in, and a way to end each of these log-ins.
//! - [`AdminPage`]: everybody's sessions, for who runs the service, behind a [`Guard`]; with charts if there is a [`History`].
//!
//! Both are routers that an application nests at a path of its choice, inside of its `SessionLayer`. Their forms carry a token that
//! is bound to the session, and stand behind the layer that keeps other sites out ([`cloakroom::cross_site`]). They need nothing
//! from the network but themselves: one style sheet, and no script, font or picture.
//!
//! # Looks
//!
//! Colours, fonts and corners are CSS variables. An application that sets none gets a plain look, light or dark as `color-scheme`
//! or the visitor's system says. `:root { --cloakroom-accent: #7b2440; --cloakroom-font: Georgia; }` changes it; all names:
//! `paper`, `card`, `ink`, `soft`, `line`, `edge`, `accent`, `on-accent`, `danger`, `good`, `good-ink`, `created`, `ended`, `font`,
//! `heading-font` and `round`. To put the pages between an application's own header and footer there is
//! [`layout`](DevicesPage::layout).

mod admin;
mod devices;

mod browser;
mod counted;
mod history;
mod layout;

mod gate;
mod moment;
mod mount;
mod refused;
mod style;

pub use admin::{AdminPage, Guard};
pub use browser::{BrowserName, Kind};
pub use counted::CountedStore;
pub use devices::{DevicesPage, DevicesTexts};
pub use history::{History, Live, Point};
pub use layout::Content;

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
mod readme {}
