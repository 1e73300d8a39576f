//! nginx with the configuration of `docs/from-express.md`: some routes in Express, some in Rust, one site.

use std::fs;
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command};
use std::time::{Duration, Instant};

use crate::browser::Browser;
use crate::layout::Layout;
use crate::shops::Shops;
use cloakroom_interop::process::Server;

const CONFIGURATION: &str = include_str!("../../nginx/one-login.conf");

/// What stands around the configuration, for a server in a folder of its own that any user may start.
const AROUND: &str = "daemon off;
master_process off;
pid nginx.pid;
error_log stderr warn;
events {}
http {
    access_log off;
    client_body_temp_path body;
    proxy_temp_path proxy;
    fastcgi_temp_path fastcgi;
    uwsgi_temp_path uwsgi;
    scgi_temp_path scgi;
    include one-login.conf;
}
";

#[test]
fn some_routes_in_express_some_in_rust_one_login() {
    let shops = Shops::open(Layout::CONNECT_MONGODB_SESSION);
    let site = Nginx::start(&shops);
    let mut visitor = Browser::default();
    let is_express = |page: &str| page.contains("the shop, in Express");

    // The products are still in Express; the cart, and with it its form, is in Rust already.
    assert!(is_express(&visitor.read(&site.server, "/")));
    let origin = format!("http://{}", site.server.address());
    let added = visitor.submit_from(&origin, &site.server, "/cart/add", "product=bowler&quantity=1");
    assert_eq!((added.status, added.header("location")), (303, Some("/products/bowler")));
    let page = visitor.read(&site.server, "/products/bowler");
    assert!(is_express(&page), "{page}");
    let forged =
        visitor.submit_from("http://elsewhere.example", &site.server, "/cart/add", "product=bowler&quantity=1");
    assert_eq!(forged.status, 403);

    // Rust logs in, Express knows the user, and logs out again.
    let logged_in = visitor.submit(&site.server, "/log-in", "name=grace&password=a-moth-in-the-relay&next=/");
    assert_eq!((logged_in.status, logged_in.header("location")), (303, Some("/")));
    let page = visitor.read(&site.server, "/");
    assert!(is_express(&page) && page.contains("Grace</a>"), "{page}");
    let page = visitor.read(&site.server, "/cart");
    assert!(!is_express(&page) && page.contains("Grace</a>") && page.contains("€95.00"), "{page}");
    // The message of a route in Rust waits for a page in Rust.
    assert!(page.contains("Welcome, Grace."), "{page}");
    let ticket = visitor.clone();
    assert_eq!(visitor.submit(&site.server, "/log-out", "").status, 303);
    assert!(ticket.clone().read(&site.server, "/cart").contains("Nothing hangs here yet"));
    assert!(ticket.clone().read(&site.server, "/").contains(">Log in<"));
}

struct Nginx {
    server: Server,
    folder: PathBuf,
}

impl Nginx {
    fn start(shops: &Shops) -> Nginx {
        let folder = std::env::temp_dir().join(format!("cloakroom-nginx-{}", std::process::id()));
        fs::create_dir(&folder).unwrap();
        fs::write(folder.join("nginx.conf"), AROUND).unwrap();
        for _ in 0..5 {
            let port = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap().port();
            let address = format!("127.0.0.1:{port}");
            let mut configuration = CONFIGURATION.to_owned();
            for (written, real) in [
                ("listen 127.0.0.1:8080;", format!("listen {address};")),
                ("server 127.0.0.1:3100;", format!("server {};", shops.express.address())),
                ("server 127.0.0.1:3000;", format!("server {};", shops.rust.address())),
            ] {
                assert_eq!(configuration.matches(written).count(), 1, "{written}");
                configuration = configuration.replace(written, &real);
            }
            fs::write(folder.join("one-login.conf"), configuration).unwrap();
            if let Some(process) = listening(&folder, &address) {
                return Nginx { server: Server::at(process, address), folder };
            }
        }
        panic!("nginx does not listen, see above");
    }
}

/// None if it ends by itself, as it does if the port has been taken meanwhile.
fn listening(folder: &Path, address: &str) -> Option<Child> {
    let command = ["-p", folder.to_str().unwrap(), "-c", "nginx.conf", "-e", "stderr"];
    let mut process = Command::new("nginx").args(command).spawn().unwrap();
    let started = Instant::now();
    while TcpStream::connect(address).is_err() {
        assert!(started.elapsed() < Duration::from_secs(20), "nginx does not listen");
        if process.try_wait().unwrap().is_some() {
            return None;
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    Some(process)
}

impl Drop for Nginx {
    fn drop(&mut self) {
        self.server.signal_kill();
        fs::remove_dir_all(&self.folder).unwrap();
    }
}
