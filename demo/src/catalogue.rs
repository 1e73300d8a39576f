//! What the shop sells.

use std::fmt;
use std::iter::Sum;
use std::ops::{Add, Mul};

pub(crate) struct Product {
    pub(crate) id: &'static str,
    pub(crate) name: &'static str,
    pub(crate) kind: &'static str,
    pub(crate) price: Price,
    /// The colours of its picture: a class of the style sheet.
    pub(crate) tint: &'static str,
    /// SVG, drawn in the colours of the tint, so that it goes with a light page and a dark one.
    pub(crate) picture: &'static str,
    pub(crate) text: &'static str,
    pub(crate) made_of: &'static str,
}

impl Product {
    pub(crate) fn path(&self) -> String {
        format!("/products/{}", self.id)
    }
}

pub(crate) fn find(id: &str) -> Option<&'static Product> {
    PRODUCTS.iter().find(|product| product.id == id)
}

/// An amount in cents: whole numbers add up exactly.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Price(u32);

impl fmt::Display for Price {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "€{}.{:02}", self.0 / 100, self.0 % 100)
    }
}

impl Add for Price {
    type Output = Price;

    fn add(self, other: Price) -> Price {
        Price(self.0.saturating_add(other.0))
    }
}

impl Mul<u32> for Price {
    type Output = Price;

    fn mul(self, quantity: u32) -> Price {
        Price(self.0.saturating_mul(quantity))
    }
}

impl Sum for Price {
    fn sum<I: Iterator<Item = Price>>(prices: I) -> Price {
        prices.fold(Price::default(), Price::add)
    }
}

pub(crate) static PRODUCTS: [Product; 12] = [
    Product {
        id: "storm-coat",
        name: "Storm coat",
        kind: "Coats",
        price: Price(289_00),
        tint: "sand",
        picture: include_str!("../pictures/storm-coat.svg"),
        text: "Double-breasted, belted, and long enough for the last tram in the rain. The collar stands up by itself.",
        made_of: "Waxed cotton, horn buttons",
    },
    Product {
        id: "bowler",
        name: "Bowler",
        kind: "Hats",
        price: Price(95_00),
        tint: "slate",
        picture: include_str!("../pictures/bowler.svg"),
        text: "A hard hat with a soft heart. Leaves no doubt about who is about to open the door for you.",
        made_of: "Rabbit felt, silk band",
    },
    Product {
        id: "rain-dome",
        name: "Rain dome",
        kind: "Umbrellas",
        price: Price(64_00),
        tint: "wine",
        picture: include_str!("../pictures/rain-dome.svg"),
        text: "Eight ribs, one handle, room for two who like each other. Opens with a sound that turns heads.",
        made_of: "Steel ribs, cherry handle",
    },
    Product {
        id: "opera-cloak",
        name: "Opera cloak",
        kind: "Coats",
        price: Price(420_00),
        tint: "plum",
        picture: include_str!("../pictures/opera-cloak.svg"),
        text: "For the third act and the walk home after it. Falls straight from the shoulder, clasps with one hand.",
        made_of: "Velvet, satin lining, brass clasp",
    },
    Product {
        id: "long-scarf",
        name: "Long scarf",
        kind: "Scarves",
        price: Price(48_50),
        tint: "rust",
        picture: include_str!("../pictures/long-scarf.svg"),
        text: "Two metres and a bit, so that it goes round twice and still reaches your pockets.",
        made_of: "Lambswool",
    },
    Product {
        id: "felt-hat",
        name: "Felt hat",
        kind: "Hats",
        price: Price(79_90),
        tint: "moss",
        picture: include_str!("../pictures/felt-hat.svg"),
        text: "A brim to hide under and a crown to be greeted with. Keeps its shape through a whole season of nodding.",
        made_of: "Wool felt, grosgrain band",
    },
    Product {
        id: "mittens",
        name: "Mittens",
        kind: "Gloves",
        price: Price(29_00),
        tint: "sky",
        picture: include_str!("../pictures/mittens.svg"),
        text: "Joined by a cord through the sleeves, because grown-ups lose them too.",
        made_of: "Merino, knitted double",
    },
    Product {
        id: "pea-coat",
        name: "Pea coat",
        kind: "Coats",
        price: Price(239_00),
        tint: "navy",
        picture: include_str!("../pictures/pea-coat.svg"),
        text: "Short, broad and warm. Six buttons, of which you will use four, and pockets where hands belong.",
        made_of: "Melton wool, anchor buttons",
    },
    Product {
        id: "city-stick",
        name: "City stick",
        kind: "Umbrellas",
        price: Price(52_00),
        tint: "slate",
        picture: include_str!("../pictures/city-stick.svg"),
        text: "Rolled tight it is a walking stick, and nobody suspects a thing until it rains.",
        made_of: "Ash shaft, maple crook",
    },
    Product {
        id: "bobble-hat",
        name: "Bobble hat",
        kind: "Hats",
        price: Price(34_00),
        tint: "rose",
        picture: include_str!("../pictures/bobble-hat.svg"),
        text: "The bobble has no purpose. It is the best thing about it.",
        made_of: "Alpaca and wool",
    },
    Product {
        id: "day-gloves",
        name: "Day gloves",
        kind: "Gloves",
        price: Price(58_00),
        tint: "rust",
        picture: include_str!("../pictures/day-gloves.svg"),
        text: "Thin enough to find a key with, warm enough to wait for the one who has it.",
        made_of: "Lamb leather, cashmere lining",
    },
    Product {
        id: "weekend-case",
        name: "Weekend case",
        kind: "Bags",
        price: Price(165_00),
        tint: "moss",
        picture: include_str!("../pictures/weekend-case.svg"),
        text: "Holds two shirts, one book and a secret. Fits on every luggage rack and under every counter.",
        made_of: "Vulcanised fibre, leather corners",
    },
];
