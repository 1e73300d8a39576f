//! The list of products, and each product's own page.

use askama::Template;
use axum::extract::{Path, State};
use axum::response::Html;
use cloakroom::Session;
use cloakroom::cookie::CookieJar;

use super::{Page, page};
use crate::app::Shop;
use crate::cart;
use crate::catalogue::{self, PRODUCTS, Product};
use crate::errors::AppError;
use crate::form::Token;
use crate::frame::Frame;
use crate::recent::Recent;

#[derive(Template)]
#[template(path = "list.html")]
struct List {
    frame: Frame,
    products: &'static [Product],
    recent: Vec<&'static Product>,
}

pub(crate) async fn list(State(shop): State<Shop>, frame: Frame, jar: CookieJar) -> Page {
    let recent = Recent::of(&jar, &shop.keys).into_products();
    page(&List { frame, products: &PRODUCTS, recent })
}

#[derive(Template)]
#[template(path = "product.html")]
struct ProductPage {
    frame: Frame,
    token: Token,
    product: &'static Product,
    most: u32,
    recent: Vec<&'static Product>,
}

pub(crate) async fn product(
    State(shop): State<Shop>,
    Path(id): Path<String>,
    frame: Frame,
    session: Session,
    mut jar: CookieJar,
) -> Result<(CookieJar, Html<String>), AppError> {
    let product = catalogue::find(&id).ok_or(AppError::NotFound)?;
    let token = Token::of(&session, &shop).await?;
    let mut recent = Recent::of(&jar, &shop.keys);
    recent.see(product);
    recent.keep(&mut jar, &shop.keys)?;
    let others = recent.into_products().split_off(1);
    let html = page(&ProductPage { frame, token, product, most: cart::MOST, recent: others })?;
    Ok((jar, html))
}
