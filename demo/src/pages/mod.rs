//! The handlers, by page.

pub(crate) mod account;
pub(crate) mod cart;
pub(crate) mod confirm;
pub(crate) mod goods;
pub(crate) mod log_in;
pub(crate) mod sessions;
pub(crate) mod theme;

use anyhow::Context as _;
use askama::Template;
use axum::response::Html;

use crate::errors::AppError;

type Page = Result<Html<String>, AppError>;

fn page(template: &impl Template) -> Page {
    Ok(Html(template.render().context("a template failed")?))
}
