//! A real browser between the two shops: one host, two ports, one cookie jar.

use std::io::{BufRead as _, BufReader};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::browser::exchange;
use crate::shops::Shops;

#[test]
fn logged_in_on_one_page_is_logged_in_on_the_other() {
    let shops = Shops::open("connect-mongodb-session");
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

/// How long a page may take.
const PATIENCE: Duration = Duration::from_secs(30);

/// Chromium without a window, with a profile of its own, led by its driver in the words of W3C WebDriver.
struct Chromium {
    driver: Child,
    address: String,
    session: String,
    profile: PathBuf,
}

impl Chromium {
    fn start() -> Chromium {
        let mut driver = Command::new("chromedriver").arg("--port=0").stdout(Stdio::piped()).spawn().unwrap();
        // "ChromeDriver was started successfully on port 41234."
        let port = BufReader::new(driver.stdout.take().unwrap()).lines().find_map(|line| {
            line.unwrap().split_once("successfully on port ").map(|(_, port)| port.trim_end_matches('.').to_owned())
        });
        let address = format!("127.0.0.1:{}", port.unwrap());
        let profile = std::env::temp_dir().join(format!("cloakroom-chromium-{}", std::process::id()));
        let arguments = json!([
            "--headless=new",
            "--no-sandbox",
            "--disable-gpu",
            "--disable-quic",
            "--no-first-run",
            "--disable-background-networking",
            "--disable-component-update",
            "--disable-sync",
            format!("--user-data-dir={}", profile.display()),
        ]);
        let wanted = json!({ "alwaysMatch": { "goog:chromeOptions": { "args": arguments } } });
        // From here on the driver is ended whatever comes.
        let mut browser = Chromium { driver, address, session: String::new(), profile };
        let session = browser.command("POST", "", json!({ "capabilities": wanted })).unwrap();
        browser.session = format!("/{}", session["sessionId"].as_str().unwrap());
        browser
    }

    fn go(&self, address: &str) {
        self.command("POST", "/url", json!({ "url": address })).unwrap();
    }

    fn text(&self, selector: &str) -> String {
        self.command("GET", &format!("/element/{}/text", self.find(selector)), Value::Null)
            .unwrap()
            .as_str()
            .unwrap()
            .to_owned()
    }

    fn write(&self, selector: &str, text: &str) {
        self.command("POST", &format!("/element/{}/value", self.find(selector)), json!({ "text": text })).unwrap();
    }

    /// Presses a button that sends a form, and waits for the page that comes then.
    fn press(&self, selector: &str) {
        let old_page = self.find("html");
        self.command("POST", &format!("/element/{}/click", self.find(selector)), json!({})).unwrap();
        // What belongs to the old page is stale once there is a new one.
        let started = Instant::now();
        while self.command("GET", &format!("/element/{old_page}/name"), Value::Null).is_ok() {
            assert!(started.elapsed() < PATIENCE, "{selector} leads nowhere");
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// The first element of that kind, once it is there.
    fn find(&self, selector: &str) -> String {
        let started = Instant::now();
        loop {
            match self.command("POST", "/element", json!({ "using": "css selector", "value": selector })) {
                Ok(element) => {
                    return element.as_object().unwrap().values().next().unwrap().as_str().unwrap().to_owned();
                }
                Err(error) => assert!(started.elapsed() < PATIENCE, "{selector}: {error}"),
            }
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// One command to the driver; the error is its own word.
    fn command(&self, method: &str, what: &str, arguments: Value) -> Result<Value, String> {
        let body = if arguments.is_null() { String::new() } else { arguments.to_string() };
        let headers = "Content-Type: application/json; charset=utf-8\r\n";
        let what = format!("{method} /session{}{what}", self.session);
        let answer = exchange(&self.address, &what, headers, &body).unwrap();
        let mut answered: Value = serde_json::from_str(&answer.body).unwrap();
        let value = answered["value"].take();
        if answer.status == 200 { Ok(value) } else { Err(value["error"].to_string()) }
    }
}

impl Drop for Chromium {
    fn drop(&mut self) {
        // The browser ends with the session; a driver that is killed would leave it behind.
        let ended = self.session.is_empty() || self.command("DELETE", "", Value::Null).is_ok();
        self.driver.kill().ok();
        self.driver.wait().ok();
        let removed = std::fs::remove_dir_all(&self.profile);
        assert!(std::thread::panicking() || ended && removed.is_ok(), "the browser is still there: {removed:?}");
    }
}
