//! How the pages look: each fits its window, on a telephone too. With `CLOAKROOM_PICTURES` they are left in that folder.

use std::path::PathBuf;

use cloakroom_interop::chromium::View;

use crate::visitor::Visitor;

#[test]
fn each_page_fits_its_window() {
    let shop = crate::shop();
    let visitor = Visitor::without_script(&shop);
    let others = [(); 2].map(|()| Visitor::new(&shop));
    for other in &others {
        other.log_in("ada", "analytical-engine");
    }
    for user in [("grace", "a-moth-in-the-relay"), ("linus", "just-for-fun")] {
        others[1].log_in(user.0, user.1);
    }
    visitor.log_in("ada", "analytical-engine");
    for (name, path) in [
        ("shop", "/"),
        ("product", "/products/bowler"),
        ("cart", "/cart"),
        ("devices", "/account/devices"),
        ("admin", "/admin/sessions"),
        ("admin-all", "/admin/sessions/all"),
        ("admin-user", "/admin/sessions/user?user=ada"),
        ("confirm", "/confirm?next=/account/devices"),
        ("account", "/account"),
    ] {
        for (width, height) in [(360, 780), (1280, 800)] {
            for is_dark in [false, true] {
                visitor.browser.show(View { width, height, is_dark });
                visitor.go(path);
                let (wide, _) = visitor.browser.size();
                assert!(wide <= width, "{path} is {wide} wide in a window of {width}");
                keep(&format!("{name}-{width}-{}", if is_dark { "dark" } else { "light" }), &visitor.browser.picture());
            }
        }
    }
}

fn keep(name: &str, picture: &[u8]) {
    assert!(picture.starts_with(b"\x89PNG"));
    if let Some(folder) = std::env::var_os("CLOAKROOM_PICTURES") {
        std::fs::write(PathBuf::from(folder).join(format!("{name}.png")), picture).unwrap();
    }
}
