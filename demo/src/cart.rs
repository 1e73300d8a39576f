//! What a visitor wants to buy.

use cloakroom::Key;
use serde::{Deserialize, Serialize};

use crate::catalogue::{self, Price, Product};

/// The cart lives in the session, and so it survives the log-in. Handlers change it with
/// [`Session::update`](cloakroom::Session::update), so that two tabs that add at once both get what they asked for.
pub(crate) const CART: Key<Cart> = Key::new("cart");

/// How many of one product fit into a cart.
pub(crate) const MOST: u32 = 20;

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Cart {
    lines: Vec<Line>,
}

/// Ids and quantities only: names and prices are the catalogue's, and may change while a cart waits.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Line {
    product: String,
    quantity: u32,
}

/// What a button in the cart does.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Change {
    More,
    Less,
    Remove,
}

impl Cart {
    pub(crate) fn add(&mut self, product: &Product, quantity: u32) {
        match self.lines.iter_mut().find(|line| line.product == product.id) {
            Some(line) => line.quantity = line.quantity.saturating_add(quantity).min(MOST),
            None => self.lines.push(Line { product: product.id.to_owned(), quantity: quantity.min(MOST) }),
        }
        self.lines.retain(|line| line.quantity > 0);
    }

    /// Does nothing to a product that is not there: another tab may have removed it.
    pub(crate) fn change(&mut self, product: &Product, change: Change) {
        let Some(line) = self.lines.iter_mut().find(|line| line.product == product.id) else { return };
        line.quantity = match change {
            Change::More => (line.quantity + 1).min(MOST),
            Change::Less => line.quantity.saturating_sub(1),
            Change::Remove => 0,
        };
        self.lines.retain(|line| line.quantity > 0);
    }

    /// What is in it, as far as it is still sold.
    pub(crate) fn items(&self) -> Vec<Item> {
        let item = |line: &Line| Some(Item { product: catalogue::find(&line.product)?, quantity: line.quantity });
        self.lines.iter().filter_map(item).collect()
    }

    pub(crate) fn count(&self) -> u32 {
        self.items().iter().map(|item| item.quantity).sum()
    }

    pub(crate) fn total(&self) -> Price {
        self.items().iter().map(Item::price).sum()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.count() == 0
    }
}

/// A line of a cart, with its product.
pub(crate) struct Item {
    pub(crate) product: &'static Product,
    pub(crate) quantity: u32,
}

impl Item {
    pub(crate) fn price(&self) -> Price {
        self.product.price * self.quantity
    }

    pub(crate) fn is_full(&self) -> bool {
        self.quantity >= MOST
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cart_adds_up() {
        let (coat, hat) = (catalogue::find("storm-coat").unwrap(), catalogue::find("felt-hat").unwrap());
        let mut cart = Cart::default();
        cart.add(coat, 1);
        cart.add(hat, 2);
        cart.add(coat, 1);
        assert_eq!(cart.count(), 4);
        assert_eq!(cart.total(), coat.price * 2 + hat.price * 2);
        cart.change(hat, Change::Less);
        cart.change(coat, Change::Remove);
        cart.change(coat, Change::More);
        assert_eq!((cart.count(), cart.total()), (1, hat.price));
        cart.change(hat, Change::Less);
        assert!(cart.is_empty());
    }

    #[test]
    fn a_cart_has_an_end() {
        let hat = catalogue::find("felt-hat").unwrap();
        let mut cart = Cart::default();
        cart.add(hat, u32::MAX);
        cart.add(hat, u32::MAX);
        cart.change(hat, Change::More);
        assert_eq!(cart.count(), MOST);
    }
}
