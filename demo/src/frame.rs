//! What every page shows around its own content.

use std::borrow::Cow;

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use cloakroom::Session;
use cloakroom::cookie::CookieJar;

use crate::accounts::Account;
use crate::app::Shop;
use crate::assets::STYLE_URL;
use crate::cart::CART;
use crate::errors::AppError;
use crate::flash::FLASH;
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
    pub(crate) flash: Option<Cow<'static, str>>,
}

impl Frame {
    pub(crate) fn without_session(theme: Theme, path: LocalPath) -> Frame {
        Frame { theme, path, visitor: None }
    }

    pub(crate) fn style_url(&self) -> &'static str {
        STYLE_URL.as_str()
    }

    pub(crate) fn themes(&self) -> [Theme; 3] {
        Theme::ALL
    }
}

/// Reads the visitor's session, and takes the message that waits in it.
impl FromRequestParts<Shop> for Frame {
    type Rejection = AppError;

    async fn from_request_parts(parts: &mut Parts, shop: &Shop) -> Result<Frame, AppError> {
        let session = Session::from_parts(parts).await?;
        let visitor = Visitor {
            name: account(&session, shop).map(|account| account.name),
            in_cart: session.get(CART)?.unwrap_or_default().count(),
            flash: session.take(FLASH)?,
        };
        let theme = Theme::of(&CookieJar::from_headers(&parts.headers));
        Ok(Frame { theme, path: LocalPath::of_page(&parts.method, &parts.uri), visitor: Some(visitor) })
    }
}

/// The session of somebody who has logged in. Everybody else is asked to.
pub(crate) struct Member {
    pub(crate) session: Session,
    pub(crate) name: &'static str,
}

impl FromRequestParts<Shop> for Member {
    type Rejection = AppError;

    async fn from_request_parts(parts: &mut Parts, shop: &Shop) -> Result<Member, AppError> {
        let session = Session::from_parts(parts).await?;
        match account(&session, shop).map(|account| account.name) {
            Some(name) => Ok(Member { session, name }),
            None => Err(AppError::LogInFirst(LocalPath::of_page(&parts.method, &parts.uri))),
        }
    }
}

fn account<'a>(session: &Session, shop: &'a Shop) -> Option<&'a Account> {
    shop.accounts.find(&session.user()?)
}
