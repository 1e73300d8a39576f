//! A home, shops that have it, and browsers that visit them.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

const PASSWORDS: [(&str, &str); 2] = [("ada", "analytical-engine"), ("grace", "a-moth-in-the-relay")];

/// A home directory that is removed at the end.
pub(crate) struct Home(PathBuf);

impl Home {
    pub(crate) fn new() -> Home {
        static COUNT: AtomicU64 = AtomicU64::new(0);
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_nanos();
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let home = std::env::temp_dir().join(format!("cloakroom_shop_{}_{now:x}_{count}", std::process::id()));
        std::fs::create_dir(&home).unwrap();
        Home(home)
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }

    /// The folder of applications' data.
    pub(crate) fn data(&self) -> PathBuf {
        self.0.join(if cfg!(target_os = "macos") { "Library" } else { "data" })
    }

    /// The shop's own.
    pub(crate) fn folder(&self) -> PathBuf {
        let data = self.data();
        if cfg!(target_os = "macos") {
            data.join("Application Support/cloakroom-shop")
        } else {
            data.join("cloakroom-shop")
        }
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_cloakroom-shop"));
        command.env_clear().env("HOME", &self.0).env("XDG_DATA_HOME", self.data()).env("RUST_LOG", "warn");
        command.args(["--port", "0"]).args(arguments);
        command
    }

    /// A shop that is open.
    pub(crate) fn shop(&self, arguments: &[&str]) -> Shop {
        let mut process = self.command(arguments).stdout(Stdio::piped()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(process.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let address = line.split_whitespace().find_map(|word| word.strip_prefix("http://"));
        let address = address.unwrap_or_else(|| panic!("{line:?}")).to_owned();
        Shop { process, address, line }
    }

    /// What a shop says that does not open.
    pub(crate) fn refusal(&self, arguments: &[&str]) -> String {
        let output = self.command(arguments).output().unwrap();
        assert!(!output.status.success() && output.stdout.is_empty(), "{output:?}");
        String::from_utf8(output.stderr).unwrap()
    }
}

impl Drop for Home {
    fn drop(&mut self) {
        let removed = std::fs::remove_dir_all(&self.0);
        assert!(std::thread::panicking() || removed.is_ok(), "the home is still there: {removed:?}");
    }
}

pub(crate) struct Shop {
    process: Child,
    address: String,
    /// What it said when it was open.
    pub(crate) line: String,
}

impl Shop {
    pub(crate) fn stop(mut self, signal: &str) -> ExitStatus {
        let sent = Command::new("kill").args(["-s", signal, &self.process.id().to_string()]).status().unwrap();
        assert!(sent.success());
        self.process.wait().unwrap()
    }
}

impl Drop for Shop {
    fn drop(&mut self) {
        // It has ended already where a test has stopped it.
        self.process.kill().ok();
        self.process.wait().ok();
    }
}

/// A browser that has one cookie at most: the session's.
#[derive(Default)]
pub(crate) struct Browser {
    cookie: Option<String>,
}

impl Browser {
    pub(crate) fn logged_in(shop: &Shop, user: &str) -> Browser {
        let mut browser = Browser::default();
        let (_, password) = PASSWORDS.into_iter().find(|(name, _)| *name == user).unwrap();
        browser.post(shop, "/log-in", &format!("name={user}&password={password}"));
        assert!(browser.cookie.is_some() && browser.name(shop).is_some());
        browser
    }

    /// What the page's header calls the visitor.
    pub(crate) fn name(&mut self, shop: &Shop) -> Option<&'static str> {
        let page = self.get(shop, "/");
        ["Ada", "Grace"].into_iter().find(|name| page.contains(&format!("</span>{name}</a>")))
    }

    pub(crate) fn get(&mut self, shop: &Shop, path: &str) -> String {
        let (status, body) = self.send(shop, "GET", path, "");
        assert_eq!(status, 200, "{body}");
        body
    }

    /// A form of a page of the shop, which leads to another one.
    pub(crate) fn post(&mut self, shop: &Shop, path: &str, form: &str) {
        let page = self.get(shop, "/log-in");
        let (_, token) = page.split_once(r#"name="form_token" value=""#).unwrap();
        let (token, _) = token.split_once('"').unwrap();
        let (status, body) = self.send(shop, "POST", path, &format!("form_token={token}&{form}"));
        assert_eq!(status, 303, "{body}");
    }

    fn send(&mut self, shop: &Shop, method: &str, path: &str, form: &str) -> (u16, String) {
        let mut stream = TcpStream::connect(&shop.address).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
        let cookie = self.cookie.as_ref().map(|cookie| format!("Cookie: {cookie}\r\n")).unwrap_or_default();
        let (host, length) = (&shop.address, form.len());
        write!(
            stream,
            "{method} {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n{cookie}\
             Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {length}\r\n\r\n{form}"
        )
        .unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        for line in head.lines() {
            if let Some((name, value)) = line.split_once(": ")
                && name.eq_ignore_ascii_case("set-cookie")
                && value.starts_with("sid=")
            {
                let removed = value.contains("Max-Age=0");
                self.cookie = (!removed).then(|| value.split(';').next().unwrap().to_owned());
            }
        }
        (head.split(' ').nth(1).unwrap().parse().unwrap(), body.to_owned())
    }
}
