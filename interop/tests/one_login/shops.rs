//! The demo shop and its twin in Express are one shop.

use cloakroom_interop::http::Answer;

use crate::browser::{Browser, COOKIE};
use crate::database::Database;
use crate::layout::Layout;
use cloakroom_interop::process::Server;

pub(crate) struct Shops {
    pub(crate) express: Server,
    pub(crate) rust: Server,
    pub(crate) _database: Database,
}

const SECRET: &str = "a secret of 32 bytes or more that both shops know";

impl Shops {
    pub(crate) fn open(layout: Layout) -> Shops {
        let (database, layout) = (Database::new(layout.place), layout.name);
        let uri = database.url("");
        let rust = Server::rust(
            "cloakroom-shop",
            &["--port", "0", "--express", layout, "--cookie", COOKIE],
            &[("CLOAKROOM_SECRET", SECRET), ("CLOAKROOM_STORE", &uri), ("RUST_LOG", "warn")],
        );
        let shared = [("SECRET", SECRET), ("STORE", &uri), ("LAYOUT", layout), ("COOKIE", COOKIE), ("PORT", "0")];
        Shops { express: Server::node("shop/shop.js", &shared), rust, _database: database }
    }
}

#[test]
fn both_shops_sell_the_same() {
    let shops = Shops::open(Layout::CONNECT_MONGODB_SESSION);
    let goods = |server: &Server| {
        let page = Browser::default().read(server, "/");
        let cards = page.split("<li class=\"card\">").skip(1);
        cards
            .map(|card| ["href=\"", "picture ", "<h3>", "\"kind\">", "\"price\">"].map(|mark| after(card, mark)))
            .collect::<Vec<_>>()
    };
    let listed = goods(&shops.rust);
    assert_eq!(listed.len(), 12);
    assert_eq!(goods(&shops.express), listed);
}

#[test]
fn one_cart_and_one_login_in_objects() {
    one_cart_and_one_login(Layout::CONNECT_MONGODB_SESSION);
}

#[test]
fn one_cart_and_one_login_in_text() {
    one_cart_and_one_login(Layout::CONNECT_MONGO);
}

#[test]
fn one_cart_and_one_login_in_redis() {
    one_cart_and_one_login(Layout::CONNECT_REDIS);
}

#[test]
fn one_cart_and_one_login_in_postgres() {
    one_cart_and_one_login(Layout::CONNECT_PG_SIMPLE);
}

fn one_cart_and_one_login(layout: Layout) {
    let shops = Shops::open(layout);
    for (one, other) in [(&shops.express, &shops.rust), (&shops.rust, &shops.express)] {
        let mut visitor = Browser::default();
        sent(visitor.submit(one, "/cart/add", "product=bowler&quantity=2"));
        assert!(visitor.read(other, "/cart").contains("€190.00"));
        sent(visitor.submit(other, "/cart/change", "product=bowler&change=more"));
        sent(visitor.submit(one, "/cart/add", "product=mittens&quantity=1"));
        let wrong = visitor.submit(one, "/log-in", "name=ada&password=guessed&next=/");
        assert_eq!(wrong.status, 422);
        sent(visitor.submit(one, "/log-in", "name=ada&password=analytical-engine&next=/cart"));
        // Each shop keeps its messages in its own way, beside the other's, and shows them once.
        assert!(visitor.read(one, "/").contains("Welcome, Ada."));
        for server in [one, other] {
            let page = visitor.read(server, "/cart");
            assert!(!page.contains("Welcome") && page.contains("Ada</a>"), "{page}");
            assert!(page.contains("€285.00") && page.contains("€314.00"), "three bowlers, and mittens: {page}");
        }
        // Rust knows whose session it is, although Express may have logged in.
        let page = visitor.read(&shops.rust, "/account/devices");
        assert!(page.contains("Ada</a>") && page.contains("This device"), "{page}");
        let ticket = visitor.clone();
        sent(visitor.submit(other, "/log-out", ""));
        for server in [one, other] {
            assert!(ticket.clone().read(server, "/cart").contains("Nothing hangs here yet"));
            assert!(visitor.read(server, "/cart").contains(">Log in<"));
        }
    }
}

fn sent(answer: Answer) {
    assert_eq!(answer.status, 303, "{answer:?}");
}

/// What stands between a mark and the next sign of markup.
fn after(text: &str, mark: &str) -> String {
    let start = text.find(mark).unwrap_or_else(|| panic!("no {mark} in {text}")) + mark.len();
    text[start..].split(['<', '"']).next().unwrap().to_owned()
}
