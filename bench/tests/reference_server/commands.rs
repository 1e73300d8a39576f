//! How many MongoDB commands a request costs, measured at the driver.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use axum::Router;
use axum::body::Body;
use axum::http::header::{COOKIE, SET_COOKIE};
use axum::http::{Request, StatusCode};
use cloakroom::SessionLayer;
use cloakroom::cookie::{CookieName, KeyRing};
use cloakroom_bench::router;
use cloakroom_mongodb::MongoStore;
use mongodb::Client;
use mongodb::event::EventHandler;
use mongodb::event::command::CommandEvent;
use mongodb::options::ClientOptions;
use tower::ServiceExt as _;

use crate::database::Database;

/// The reference server in this process, and the commands that its store has sent.
struct Counted {
    app: Router,
    commands: Arc<AtomicUsize>,
}

impl Counted {
    async fn start(database: &Database) -> Counted {
        let commands = Arc::new(AtomicUsize::new(0));
        let counter = commands.clone();
        let mut options = ClientOptions::parse(database.server()).await.unwrap();
        // The driver tells of what it was asked for; not of its handshakes and heartbeats.
        options.command_event_handler = Some(EventHandler::callback(move |event| {
            if matches!(event, CommandEvent::Started(_)) {
                counter.fetch_add(1, Ordering::Relaxed);
            }
        }));
        let client = Client::with_options(options).unwrap();
        let store = MongoStore::new(client.database(database.name())).with_collection("sessions");
        store.ensure_indexes().await.unwrap();
        let layer = SessionLayer::builder(store, KeyRing::weak(["keyboard cat"]).unwrap())
            .insecure_http()
            .cookie_name(CookieName::from_static("sid"))
            .build()
            .unwrap();
        Counted { app: router(layer), commands }
    }

    /// Sends a request; gives the commands that it cost, and the session cookie that came back.
    async fn send(&self, method: &str, path: &str, cookie: Option<&str>) -> (usize, Option<String>) {
        let before = self.commands.load(Ordering::Relaxed);
        let request = Request::builder().method(method).uri(path);
        let request = cookie.into_iter().fold(request, |request, cookie| request.header(COOKIE, cookie));
        let response = self.app.clone().oneshot(request.body(Body::empty()).unwrap()).await.unwrap();
        assert_eq!(response.status(), StatusCode::OK, "{method} {path}");
        let line = response.headers().get(SET_COOKIE).map(|line| line.to_str().unwrap());
        let pair = line.map(|line| line.split(';').next().unwrap().to_owned());
        (self.commands.load(Ordering::Relaxed) - before, pair)
    }

    /// The ticket of a new session.
    async fn session(&self) -> String {
        self.send("POST", "/set/k/v", None).await.1.unwrap()
    }
}

#[tokio::test]
async fn a_request_costs_few_commands() {
    let database = Database::new();
    let server = Counted::start(&database).await;
    let (session, ended) = (server.session().await, server.session().await);
    server.send("POST", "/logout", Some(&ended)).await;
    let forged = format!("sid=s%3Aid.{}", "A".repeat(43));

    for (what, method, path, cookie, at_most) in [
        ("untouched, no cookie", "GET", "/", None, 0),
        ("untouched", "GET", "/", Some(&*session), 0),
        ("read, no cookie", "GET", "/read", None, 0),
        ("read, garbage", "GET", "/read", Some("sid=garbage"), 0),
        ("read, forged", "GET", "/read", Some(&*forged), 0),
        ("read", "GET", "/read", Some(&*session), 1),
        ("read, ended", "GET", "/read", Some(&*ended), 2),
        ("write", "POST", "/set/k/w", Some(&*session), 2),
        ("increment", "POST", "/incr", Some(&*session), 2),
        ("update", "POST", "/update", Some(&*session), 2),
        ("new session", "POST", "/set/k/v", None, 1),
        ("log-in, new session", "POST", "/login/ada", None, 1),
        ("log-in, rotation", "POST", "/login/ada", Some(&*server.session().await), 2),
        ("log-out", "POST", "/logout", Some(&*server.session().await), 2),
        ("write, unread", "POST", "/ext/unread/set/k/w", Some(&*session), 1),
        ("remove, unread", "POST", "/ext/unread/unset/k", Some(&*session), 1),
        ("increment, unread", "POST", "/ext/unread/incr", Some(&*session), 1),
        ("log-out, unread", "POST", "/ext/unread/logout", Some(&*server.session().await), 1),
        ("new session, unread", "POST", "/ext/unread/set/k/v", None, 1),
    ] {
        let (commands, _) = server.send(method, path, cookie).await;
        println!("{what:<22} {commands}");
        assert!(commands <= at_most, "{what}: {commands} commands");
    }
}
