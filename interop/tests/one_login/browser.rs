//! A browser's part of HTTP: one cookie, taken to whichever server is asked.

use cloakroom_interop::http::{Answer, exchange};
use cloakroom_interop::process::Server;
use serde_json::Value;

/// The name of the session cookie, on both sides.
pub(crate) const COOKIE: &str = "connect.sid";

/// A browser that knows one cookie, the session's, and sends it to each server on the same host, as browsers do.
#[derive(Clone, Debug, Default)]
pub(crate) struct Browser {
    pub(crate) cookie: Option<String>,
}

impl Browser {
    pub(crate) fn get(&mut self, server: &Server, path: &str) -> Answer {
        self.send(server, "GET", path).unwrap()
    }

    pub(crate) fn post(&mut self, server: &Server, path: &str) -> Answer {
        self.send(server, "POST", path).unwrap()
    }

    /// The body of an answer to a GET that must be 200.
    pub(crate) fn read(&mut self, server: &Server, path: &str) -> String {
        let answer = self.get(server, path);
        assert_eq!(answer.status, 200, "GET {path}: {answer:?}");
        answer.body
    }

    /// The body of an answer to a POST that must be 200.
    pub(crate) fn tell(&mut self, server: &Server, path: &str) -> String {
        let answer = self.post(server, path);
        assert_eq!(answer.status, 200, "POST {path}: {answer:?}");
        answer.body
    }

    /// The session's data as the server sees it.
    pub(crate) fn dump(&mut self, server: &Server) -> Value {
        serde_json::from_str(&self.read(server, "/dump")).unwrap()
    }

    /// Sends a form from the site itself.
    pub(crate) fn submit(&mut self, server: &Server, path: &str, form: &str) -> Answer {
        self.submit_from(&format!("http://{}", server.address()), server, path, form)
    }

    /// Sends a form that stands on a page of that origin.
    pub(crate) fn submit_from(&mut self, origin: &str, server: &Server, path: &str, form: &str) -> Answer {
        let headers = format!("Origin: {origin}\r\nContent-Type: application/x-www-form-urlencoded\r\n");
        self.exchange(server, &format!("POST {path}"), &headers, form).unwrap()
    }

    /// None if the server breaks the connection before it has answered.
    pub(crate) fn send(&mut self, server: &Server, method: &str, path: &str) -> Option<Answer> {
        self.exchange(server, &format!("{method} {path}"), "", "")
    }

    fn exchange(&mut self, server: &Server, what: &str, headers: &str, body: &str) -> Option<Answer> {
        let cookie = self.cookie.as_ref().map(|pair| format!("Cookie: {pair}\r\n")).unwrap_or_default();
        let answer = exchange(server.address(), what, &format!("{headers}{cookie}"), body)?;
        for line in answer.all("set-cookie") {
            let pair = line.split(';').next().unwrap();
            if let Some(value) = pair.strip_prefix(COOKIE).and_then(|rest| rest.strip_prefix('=')) {
                self.cookie = (!value.is_empty()).then(|| pair.to_owned());
            }
        }
        Some(answer)
    }
}
