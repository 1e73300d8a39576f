//! A real browser.

use std::io::{BufRead as _, BufReader};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde_json::{Value, json};

use crate::http::exchange;

/// How long a page may take.
const PATIENCE: Duration = Duration::from_secs(30);

/// How many have been started, so that each has a profile of its own.
static STARTED: AtomicU32 = AtomicU32::new(0);

/// Chromium without a window, with a profile of its own, led by its driver in the words of W3C WebDriver.
#[derive(Debug)]
pub struct Chromium {
    driver: Child,
    address: String,
    session: String,
    profile: PathBuf,
}

/// How a browser shows a page.
#[derive(Clone, Copy, Debug)]
pub struct View {
    /// The width of the page, in CSS pixels.
    pub width: u32,
    /// Its height, as far as it is seen at once.
    pub height: u32,
    /// Whether the visitor's system is dark.
    pub is_dark: bool,
}

impl Chromium {
    /// A browser as it comes.
    pub fn start() -> Chromium {
        Chromium::with_preferences(json!({}))
    }

    /// A browser whose visitor has switched JavaScript off.
    pub fn without_script() -> Chromium {
        let off = json!({ "profile.default_content_setting_values.javascript": 2 });
        let browser = Chromium::with_preferences(off);
        browser.go("data:text/html,<noscript><p>off</p></noscript>");
        assert_eq!(browser.text("p"), "off", "there is no script");
        browser
    }

    fn with_preferences(preferences: Value) -> Chromium {
        let mut driver = Command::new("chromedriver").arg("--port=0").stdout(Stdio::piped()).spawn().unwrap();
        // "ChromeDriver was started successfully on port 41234."
        let port = BufReader::new(driver.stdout.take().unwrap()).lines().find_map(|line| {
            line.unwrap().split_once("successfully on port ").map(|(_, port)| port.trim_end_matches('.').to_owned())
        });
        let address = format!("127.0.0.1:{}", port.unwrap());
        let name = format!("cloakroom-chromium-{}-{}", std::process::id(), STARTED.fetch_add(1, Ordering::Relaxed));
        let profile = std::env::temp_dir().join(name);
        let arguments = json!([
            "--headless=new",
            "--no-sandbox",
            "--disable-gpu",
            "--disable-quic",
            "--no-first-run",
            "--disable-background-networking",
            "--disable-component-update",
            "--disable-sync",
            "--hide-scrollbars",
            format!("--user-data-dir={}", profile.display()),
        ]);
        let wanted = json!({ "alwaysMatch": { "goog:chromeOptions": { "args": arguments, "prefs": preferences } } });
        // From here on the driver is ended whatever comes.
        let mut browser = Chromium { driver, address, session: String::new(), profile };
        let session = browser.command("POST", "", json!({ "capabilities": wanted })).unwrap();
        browser.session = format!("/{}", session["sessionId"].as_str().unwrap());
        browser
    }

    /// Goes to an address.
    pub fn go(&self, address: &str) {
        self.command("POST", "/url", json!({ "url": address })).unwrap();
    }

    /// The path of the page that it shows, and the query if there is one.
    pub fn path(&self) -> String {
        let address = self.command("GET", "/url", Value::Null).unwrap();
        let (_, rest) = address.as_str().unwrap().split_once("://").unwrap();
        rest.find('/').map_or("/", |at| &rest[at..]).to_owned()
    }

    /// The cookies of the page, each with its flags.
    pub fn cookies(&self) -> Vec<Value> {
        self.command("GET", "/cookie", Value::Null).unwrap().as_array().unwrap().clone()
    }

    /// Shows pages so from now on.
    pub fn show(&self, view: View) {
        let View { width, height, is_dark } = view;
        let is_phone = width < 500;
        let metrics = json!({ "width": width, "height": height, "deviceScaleFactor": 1, "mobile": is_phone });
        self.tell("Emulation.setDeviceMetricsOverride", metrics);
        let scheme = if is_dark { "dark" } else { "light" };
        let features = json!({ "features": [{ "name": "prefers-color-scheme", "value": scheme }] });
        self.tell("Emulation.setEmulatedMedia", features);
    }

    /// How wide and how high the page is, in CSS pixels, seen or not.
    pub fn size(&self) -> (u32, u32) {
        let metrics = self.tell("Page.getLayoutMetrics", json!({}));
        let length = |name: &str| metrics["cssContentSize"][name].as_f64().unwrap().ceil() as u32;
        (length("width"), length("height"))
    }

    /// A picture of the whole page, as PNG.
    pub fn picture(&self) -> Vec<u8> {
        let picture = self.tell("Page.captureScreenshot", json!({ "format": "png", "captureBeyondViewport": true }));
        BASE64.decode(picture["data"].as_str().unwrap()).unwrap()
    }

    /// What a screen reader calls an element, and what it says that it is.
    pub fn spoken(&self, selector: &str) -> (String, String) {
        let element = self.find(selector);
        let ask = |what: &str| self.command("GET", &format!("/element/{element}/{what}"), Value::Null).unwrap();
        let text = |value: Value| value.as_str().unwrap().to_owned();
        (text(ask("computedlabel")), text(ask("computedrole")))
    }

    /// Presses a key, such as Tab, wherever the focus is: in WebDriver's own words, `\u{e004}`.
    pub fn key(&self, key: &str) {
        let press = |what: &str| json!({ "type": what, "value": key });
        let actions = json!([{ "type": "key", "id": "keyboard", "actions": [press("keyDown"), press("keyUp")] }]);
        self.command("POST", "/actions", json!({ "actions": actions })).unwrap();
    }

    /// The element that has the focus, by its name and what it says.
    pub fn focused(&self) -> (String, String) {
        let element = self.command("GET", "/element/active", Value::Null).unwrap();
        let element = element.as_object().unwrap().values().next().unwrap().as_str().unwrap().to_owned();
        let ask = |what: &str| self.command("GET", &format!("/element/{element}/{what}"), Value::Null).unwrap();
        let text = |value: Value| value.as_str().unwrap().to_owned();
        (text(ask("name")), text(ask("computedlabel")))
    }

    /// How many elements of that kind the page has.
    pub fn count(&self, selector: &str) -> usize {
        let found = self.command("POST", "/elements", json!({ "using": "css selector", "value": selector })).unwrap();
        found.as_array().unwrap().len()
    }

    /// Something that only Chromium understands.
    fn tell(&self, command: &str, parameters: Value) -> Value {
        self.command("POST", "/goog/cdp/execute", json!({ "cmd": command, "params": parameters })).unwrap()
    }

    /// What an element says, once it is there.
    pub fn text(&self, selector: &str) -> String {
        self.command("GET", &format!("/element/{}/text", self.find(selector)), Value::Null)
            .unwrap()
            .as_str()
            .unwrap()
            .to_owned()
    }

    /// Writes into a field.
    pub fn write(&self, selector: &str, text: &str) {
        self.command("POST", &format!("/element/{}/value", self.find(selector)), json!({ "text": text })).unwrap();
    }

    /// Presses a button that sends a form, or a link, and waits for the page that comes then.
    pub fn press(&self, selector: &str) {
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
