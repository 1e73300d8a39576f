//! A customer's own page.

use askama::Template;

use super::{Page, page};
use crate::form::Token;
use crate::frame::{Frame, Member};

#[derive(Template)]
#[template(path = "account.html")]
struct AccountPage {
    frame: Frame,
    token: Token,
    name: &'static str,
    /// On how many devices they are logged in.
    devices: usize,
}

pub(crate) async fn show(member: Member, frame: Frame, token: Token) -> Page {
    let devices = member.session.devices().await?.len();
    page(&AccountPage { frame, token, name: member.name, devices })
}
