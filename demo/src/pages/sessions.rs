//! The pages of `cloakroom-pages` in the shop's own frame: a customer's devices, and all sessions for who runs the shop.

use std::error::Error;
use std::time::Duration;

use askama::Template;
use axum::Router;
use cloakroom::Sessions;
use cloakroom_pages::{AdminPage, Content, DevicesPage, Guard, History};

use crate::app::Shop;
use crate::frame::Frame;

/// Who has logged in longer ago has to confirm it before they log out others.
const FRESH: Duration = Duration::from_secs(10 * 60);

const LOG_IN: &str = "/log-in";
const CONFIRM: &str = "/confirm";

/// Who runs the shop, and what they see.
#[derive(Clone, Debug)]
pub(crate) struct Office {
    /// The account that may see everybody's sessions.
    pub(crate) admin: String,
    pub(crate) sessions: Sessions,
    pub(crate) history: History,
}

pub(crate) fn devices(shop: &Shop) -> Router<Shop> {
    let page = DevicesPage::new().log_in_at(LOG_IN).step_up(FRESH, CONFIRM);
    let shop = shop.clone();
    page.layout(move |content| around(content, &shop, "middle")).router()
}

pub(crate) fn admin(shop: &Shop, office: Office) -> Router<Shop> {
    let page = AdminPage::new(office.sessions, Guard::users([office.admin])).history(office.history).log_in_at(LOG_IN);
    let shop = shop.clone();
    page.step_up(FRESH, CONFIRM).layout(move |content| around(content, &shop, "wide")).router()
}

#[derive(Template)]
#[template(path = "around.html")]
struct Around<'a> {
    frame: Frame,
    content: &'a Content<'a>,
    width: &'static str,
}

fn around(content: &Content<'_>, shop: &Shop, width: &'static str) -> Result<String, Box<dyn Error + Send + Sync>> {
    let frame = Frame::around(content, shop)?;
    Ok(Around { frame, content, width }.render()?)
}
