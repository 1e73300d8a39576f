//! A customer's own page: where they are logged in.

use askama::Template;
use axum::Form;
use axum::response::Redirect;
use cloakroom::{Clock, Device, Handle};
use serde::Deserialize;

use super::{Page, page};
use crate::errors::AppError;
use crate::flash::FLASH;
use crate::form::{Sent, Token};
use crate::frame::{Frame, Member};
use crate::times::Moment;

#[derive(Template)]
#[template(path = "account.html")]
struct AccountPage {
    frame: Frame,
    token: Token,
    name: &'static str,
    devices: Vec<DeviceRow>,
}

struct DeviceRow {
    handle: Handle,
    is_current: bool,
    created: Moment,
    seen: Moment,
}

pub(crate) async fn show(member: Member, frame: Frame, token: Token) -> Page {
    let now = Clock::system().now();
    let row = |Device { entry, is_current, .. }| DeviceRow {
        handle: entry.handle,
        is_current,
        created: Moment::new(entry.created, now),
        seen: Moment::new(entry.seen, now),
    };
    let mut devices: Vec<_> = member.session.devices().await?.into_iter().map(row).collect();
    // This one first; the others stay as they came, the last seen before the rest.
    devices.sort_by_key(|device| !device.is_current);
    page(&AccountPage { frame, token, name: member.name, devices })
}

#[derive(Deserialize)]
pub(crate) struct Which {
    device: String,
}

pub(crate) async fn end(member: Member, Sent(Form(form)): Sent<Form<Which>>) -> Result<Redirect, AppError> {
    // A handle of anybody else's session ends nothing: only the user's own are looked at.
    let ended = member.session.revoke(&Handle::new(form.device)).await?;
    let message = if ended { "That device is logged out." } else { "That device was logged out already." };
    member.session.insert(FLASH, message.into())?;
    Ok(Redirect::to("/account"))
}

pub(crate) async fn end_others(member: Member, _: Sent) -> Result<Redirect, AppError> {
    let message = match member.session.revoke_others().await? {
        0 => "You are logged in nowhere else.".into(),
        1 => "1 other device is logged out.".into(),
        count => format!("{count} other devices are logged out.").into(),
    };
    member.session.insert(FLASH, message)?;
    Ok(Redirect::to("/account"))
}
