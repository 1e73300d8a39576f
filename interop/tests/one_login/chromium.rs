//! A real browser between the two shops: one host, two ports, one cookie jar.

use cloakroom_interop::chromium::Chromium;

use crate::layout::Layout;
use crate::shops::Shops;

#[test]
fn logged_in_on_one_page_is_logged_in_on_the_other() {
    let shops = Shops::open(Layout::CONNECT_MONGODB_SESSION);
    let browser = Chromium::start();
    let [express, rust] = [&shops.express, &shops.rust].map(|server| format!("http://{}", server.address()));

    // A cart is begun on one page and goes on at the other.
    browser.go(&format!("{express}/products/bowler"));
    browser.press(".about form button");
    assert_eq!(browser.text(".flash"), "Bowler is in your cart.");
    browser.go(&format!("{rust}/cart"));
    assert_eq!(browser.text("#bowler h2"), "Bowler");
    browser.press("button[value=more]");
    browser.go(&format!("{express}/cart"));
    assert_eq!(browser.text("#bowler > .price"), "€190.00");

    // Who logs in to either is logged in to both, and stays so until a log-out on either.
    for (here, there, id, name, password) in
        [(&rust, &express, "ada", "Ada", "analytical-engine"), (&express, &rust, "linus", "Linus", "just-for-fun")]
    {
        browser.go(&format!("{here}/log-in"));
        browser.write("#name", id);
        browser.write("#password", password);
        browser.press("form.panel button.main");
        browser.go(&format!("{there}/account"));
        assert_eq!(browser.text("h1"), format!("Hello, {name}"));
        browser.press("form[action='/log-out'] button");
        assert_eq!(browser.text(".flash"), "You are logged out. See you soon.");
        browser.go(here);
        assert_eq!(browser.text("nav li"), "Log in");
    }
}
