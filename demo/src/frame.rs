//! What every page shows around its own content.

use axum::extract::{FromRequestParts, OriginalUri};
use axum::http::Uri;
use axum::http::request::Parts;
use cloakroom::cookie::CookieJar;
use cloakroom::{Flash, FlashKind, Session, SessionError};
use cloakroom_pages::Content;

use crate::accounts::Account;
use crate::app::Shop;
use crate::assets::STYLE_URL;
use crate::cart::CART;
use crate::errors::AppError;
use crate::next::LocalPath;
use crate::theme::Theme;

/// Head, header and footer of a page.
pub(crate) struct Frame {
    pub(crate) theme: Theme,
    /// The page itself, where the theme's form leads back to.
    pub(crate) path: LocalPath,
    /// None on error pages: they have to work without a session.
    pub(crate) visitor: Option<Visitor>,
}

pub(crate) struct Visitor {
    /// What to call who has logged in.
    pub(crate) name: Option<&'static str>,
    pub(crate) in_cart: u32,
    /// What was done since the last page.
    pub(crate) flashes: Vec<Flash>,
}

impl Frame {
    pub(crate) fn without_session(theme: Theme, path: LocalPath) -> Frame {
        Frame { theme, path, visitor: None }
    }

    /// Around a page that is no handler of ours, but is mounted among them: its own address is only the end of the whole one.
    pub(crate) fn around(content: &Content<'_>, shop: &Shop) -> Result<Frame, SessionError> {
        let uri = content.request.extensions.get::<OriginalUri>().map_or(&content.request.uri, |original| &original.0);
        Frame::new(content.request, uri, content.session, shop)
    }

    fn new(request: &Parts, uri: &Uri, session: &Session, shop: &Shop) -> Result<Frame, SessionError> {
        let visitor = Visitor {
            name: account(session, shop).map(|account| account.name),
            in_cart: session.get(CART)?.unwrap_or_default().count(),
            flashes: session.take_flashes()?,
        };
        let theme = Theme::of(&CookieJar::from_headers(&request.headers));
        Ok(Frame { theme, path: LocalPath::of_page(&request.method, uri), visitor: Some(visitor) })
    }

    pub(crate) fn style_url(&self) -> &'static str {
        STYLE_URL.as_str()
    }

    pub(crate) fn themes(&self) -> [Theme; 3] {
        Theme::ALL
    }

    /// The style of a message.
    pub(crate) fn tone(&self, flash: &Flash) -> &'static str {
        match flash.kind {
            FlashKind::Warning | FlashKind::Error => "flash bad",
            _ => "flash",
        }
    }
}

/// Reads the visitor's session, and takes the messages that wait in it.
impl FromRequestParts<Shop> for Frame {
    type Rejection = AppError;

    async fn from_request_parts(parts: &mut Parts, shop: &Shop) -> Result<Frame, AppError> {
        let session = Session::from_parts(parts).await?;
        Ok(Frame::new(parts, &parts.uri, &session, shop)?)
    }
}

/// The session of somebody who has logged in. Everybody else is asked to.
pub(crate) struct Member {
    pub(crate) session: Session,
    pub(crate) id: &'static str,
    pub(crate) name: &'static str,
}

impl FromRequestParts<Shop> for Member {
    type Rejection = AppError;

    async fn from_request_parts(parts: &mut Parts, shop: &Shop) -> Result<Member, AppError> {
        let session = Session::from_parts(parts).await?;
        match account(&session, shop).map(|account| (account.id, account.name)) {
            Some((id, name)) => Ok(Member { session, id, name }),
            None => Err(AppError::LogInFirst(LocalPath::of_page(&parts.method, &parts.uri))),
        }
    }
}

fn account<'a>(session: &Session, shop: &'a Shop) -> Option<&'a Account> {
    shop.accounts.find(&session.user()?)
}
