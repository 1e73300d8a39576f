//! The tower layer: the only place where HTTP, cookies and stores meet.
//!
//! The way of a request: the [`service`] notes it and lets it pass; the first handler that asks for its session makes
//! [`load`] read the [`ticket`] and ask the store; when the response is ready the [`future`] commits what has changed, and the
//! [`answer`] decides what the client gets.

mod address;
mod answer;
mod attributes;
mod browser;
mod clear_site_data;
mod config;
mod express;
mod future;
mod load;
mod service;
mod ticket;
mod unread;
mod verified;

pub use address::{AddressDetail, IpNetwork, IpNetworkError, PeerAddress, ProxyHeader};
pub use clear_site_data::ClearSiteData;
pub use config::{ConfigError, OnGone, OnOutage, SessionLayerBuilder};
pub use express::ExpressOptions;
pub use future::ResponseFuture;
pub use service::{SessionLayer, SessionService};
pub use unread::UnreadSession;

#[cfg(feature = "testing")]
use crate::session::{CookieDue, State};

#[cfg(feature = "axum")]
pub(crate) use answer::instead_of;

/// The Set-Cookie line of a new session that the store has, made without a request; none if nothing was to be stored.
#[cfg(feature = "testing")]
pub(crate) async fn mint(
    layer: &SessionLayer,
    fill: impl FnOnce(&crate::Session) -> Result<(), crate::SessionError>,
) -> Result<Option<http::HeaderValue>, crate::SessionError> {
    let config = layer.config();
    let settings = &config.settings;
    let session = crate::Session::new(settings.clone(), Some(State::empty(settings.policy, false)));
    fill(&session)?;
    session.clone().commit().await?;
    Ok(match session.cookie_due() {
        CookieDue::Issue(ticket) => ticket::issue(config, &ticket).ok(),
        CookieDue::Nothing | CookieDue::Remove(_) => None,
    })
}
