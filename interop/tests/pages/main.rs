//! The pages of cloakroom-pages, and the shop around them, as people see them: in real browsers, and without JavaScript.

#![allow(clippy::unwrap_used, reason = "the helpers of tests are tests, too")]

mod look;
mod visitor;

use cloakroom_interop::process::Server;

use crate::visitor::Visitor;

/// The shop with its sessions in memory.
fn shop() -> Server {
    Server::rust("cloakroom-shop", &["--port", "0", "--store", "memory"], &[("RUST_LOG", "warn")])
}

#[test]
fn one_browser_signs_the_other_out_at_its_next_click() {
    let shop = shop();
    let (desk, phone) = (Visitor::without_script(&shop), Visitor::new(&shop));
    for visitor in [&desk, &phone] {
        visitor.log_in("ada", "analytical-engine");
    }
    desk.go("/account/devices");
    assert_eq!(desk.browser.text("h1"), "Where you are logged in");
    assert_eq!(desk.browser.count(".cloakroom-device"), 2);
    assert_eq!(desk.browser.text(".cloakroom-current .cloakroom-mark"), "This device");
    // What a screen reader says of the button tells which device it is about.
    let (label, role) = desk.browser.spoken(".cloakroom-device:not(.cloakroom-current) button");
    assert_eq!((label.as_str(), role.as_str()), ("Log out of Chrome on Linux", "button"));

    desk.browser.press(".cloakroom-device:not(.cloakroom-current) button");
    assert_eq!(desk.browser.path(), "/account/devices", "where the page is mounted");
    assert_eq!(desk.browser.text(".cloakroom-done"), "That device is logged out.");
    assert_eq!(desk.browser.count(".cloakroom-device"), 1);

    phone.browser.press("a[href='/account']");
    assert_eq!(phone.browser.path(), "/log-in?next=%2Faccount");
    desk.browser.press("a[href='/account']");
    assert_eq!(desk.browser.path(), "/account", "who signs others out stays");
}

#[test]
fn one_browser_signs_all_others_out() {
    let shop = shop();
    let [desk, phone, tablet] = [(); 3].map(|()| Visitor::new(&shop));
    for visitor in [&desk, &phone, &tablet] {
        visitor.log_in("grace", "a-moth-in-the-relay");
    }
    desk.go("/account/devices");
    desk.browser.press(".cloakroom-danger");
    assert_eq!(desk.browser.text(".cloakroom-done"), "2 other devices are logged out.");
    for visitor in [&phone, &tablet] {
        visitor.go("/account/devices");
        assert_eq!(visitor.browser.path(), "/log-in?next=%2Faccount%2Fdevices");
    }
}

#[test]
fn a_device_gets_a_name_by_keyboard_alone() {
    const TAB: &str = "\u{e004}";
    const ENTER: &str = "\u{e007}";
    let shop = shop();
    let visitor = Visitor::without_script(&shop);
    visitor.log_in("ada", "analytical-engine");
    visitor.go("/account/devices");
    let reach = |wanted: (&str, &str)| {
        for _ in 0..40 {
            let (name, label) = visitor.browser.focused();
            if (name.as_str(), label.as_str()) == wanted {
                return;
            }
            visitor.browser.key(TAB);
        }
        panic!("{wanted:?} can't be reached: {:?}", visitor.browser.focused());
    };
    reach(("summary", "Rename"));
    visitor.browser.key(ENTER);
    reach(("input", "Name of this device"));
    for key in ["d", "e", "s", "k"] {
        visitor.browser.key(key);
    }
    reach(("button", "Save"));
    visitor.browser.key(ENTER);
    assert_eq!(visitor.browser.text(".cloakroom-done"), "This device has its new name.");
    assert_eq!(visitor.browser.text(".cloakroom-current h2"), "desk");
}

#[test]
fn the_cart_survives_a_log_in_and_the_cookie_is_safe() {
    let shop = shop();
    let visitor = Visitor::without_script(&shop);
    visitor.go("/products/bowler");
    visitor.browser.press(".about form button");
    let before = visitor.session_cookie();
    visitor.log_in("ada", "analytical-engine");
    visitor.go("/cart");
    assert_eq!(visitor.browser.text("#bowler h2"), "Bowler");

    // The flags as the browser has understood them. It is plain HTTP, so `Secure` is not among them.
    let after = visitor.session_cookie();
    for cookie in [&before, &after] {
        assert_eq!(cookie["httpOnly"], true, "{cookie}");
        assert_eq!(cookie["sameSite"], "Lax", "{cookie}");
        assert_eq!(cookie["path"], "/", "{cookie}");
        assert_eq!(cookie["domain"], "127.0.0.1", "of this host alone: {cookie}");
        assert!(cookie.get("expiry").is_none(), "ends with the browser: {cookie}");
    }
    assert_ne!(before["value"], after["value"], "a log-in gives a new id");
}

#[test]
fn an_administrator_finds_a_user_and_ends_the_sessions() {
    let shop = shop();
    let (admin, customer) = (Visitor::without_script(&shop), Visitor::new(&shop));
    customer.log_in("linus", "just-for-fun");
    customer.go("/admin/sessions");
    assert_eq!(customer.browser.text(".status"), "404", "no customer learns that there is such a page");

    admin.log_in("ada", "analytical-engine");
    admin.go("/admin/sessions");
    admin.browser.write("#cloakroom-user", "linus");
    admin.browser.press("form[role=search] button");
    assert_eq!(admin.browser.text("h1"), "Sessions of linus");
    admin.browser.press(".cloakroom-danger");
    assert_eq!(admin.browser.text(".cloakroom-done"), "1 session has ended.");
    customer.go("/account");
    assert_eq!(customer.browser.path(), "/log-in?next=%2Faccount");
}
