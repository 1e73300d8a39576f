//! The cart, and the order that it becomes.

use askama::Template;
use axum::Form;
use axum::extract::State;
use axum::response::Redirect;
use cloakroom::{FlashKind, Key, Session};
use serde::{Deserialize, Serialize};

use super::{Page, page};
use crate::app::Shop;
use crate::cart::{CART, Cart, Change, Item};
use crate::catalogue::{self, Price};
use crate::errors::AppError;
use crate::form::{Sent, Token};
use crate::frame::{Frame, Member};

#[derive(Template)]
#[template(path = "cart.html")]
struct CartPage {
    frame: Frame,
    token: Token,
    items: Vec<Item>,
    total: Price,
    may_order: bool,
}

pub(crate) async fn show(State(shop): State<Shop>, frame: Frame, session: Session) -> Page {
    let cart = session.get(CART)?.unwrap_or_default();
    let token = if cart.is_empty() { Token::default() } else { Token::of(&session, &shop).await? };
    let may_order = frame.visitor.as_ref().is_some_and(|visitor| visitor.name.is_some());
    page(&CartPage { frame, token, items: cart.items(), total: cart.total(), may_order })
}

#[derive(Deserialize)]
pub(crate) struct Addition {
    product: String,
    quantity: u32,
}

pub(crate) async fn add(session: Session, Sent(Form(form)): Sent<Form<Addition>>) -> Result<Redirect, AppError> {
    let product = catalogue::find(&form.product).ok_or(AppError::NotFound)?;
    session.flash(FlashKind::Success, format!("{} is in your cart.", product.name))?;
    // Written at once, and the message with it. Two tabs that add at the same time both succeed: whoever comes second adds
    // to what the first one has left.
    session.modify(CART, |cart| cart.add(product, form.quantity)).await?;
    Ok(Redirect::to(&product.path()))
}

#[derive(Deserialize)]
pub(crate) struct Adjustment {
    product: String,
    change: Change,
}

pub(crate) async fn change(session: Session, Sent(Form(form)): Sent<Form<Adjustment>>) -> Result<Redirect, AppError> {
    let product = catalogue::find(&form.product).ok_or(AppError::NotFound)?;
    session.modify(CART, |cart| cart.change(product, form.change)).await?;
    Ok(Redirect::to(&format!("/cart#{}", product.id)))
}

/// A real shop keeps its orders in a database. This one only remembers the session's last.
const ORDER: Key<Order> = Key::new("order");

#[derive(Debug, Serialize, Deserialize)]
struct Order {
    number: String,
    cart: Cart,
}

pub(crate) async fn order(member: Member, _: Sent) -> Result<Redirect, AppError> {
    let session = member.session;
    // Who empties the cart has it: of two clicks at once one gets the goods, and the other an empty cart.
    let ordered = session.modify(CART, std::mem::take).await?;
    if ordered.is_empty() {
        session.flash(FlashKind::Warning, "There is nothing in your cart to order.")?;
        return Ok(Redirect::to("/cart"));
    }
    let number = session.increment("orders", 1).await?;
    session.insert(ORDER, Order { number: format!("{}-{number:03}", member.name.to_uppercase()), cart: ordered })?;
    Ok(Redirect::to("/order"))
}

#[derive(Template)]
#[template(path = "order.html")]
struct OrderPage {
    frame: Frame,
    name: &'static str,
    number: String,
    items: Vec<Item>,
    total: Price,
}

pub(crate) async fn ordered(member: Member, frame: Frame) -> Page {
    let order = member.session.get(ORDER)?.ok_or(AppError::NotFound)?;
    let Order { number, cart } = order;
    page(&OrderPage { frame, name: member.name, number, items: cart.items(), total: cart.total() })
}
