//! The reference server as a process: each route, and what must hold when requests run at once.

#![allow(clippy::unwrap_used, reason = "the helpers of tests are tests, too")]

mod commands;

mod client;
mod database;
mod places;
mod process;

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::client::{Answer, Client};
use crate::database::Database;
use crate::places::{Folder, Keys, Table};
use crate::process::Server;

const CONNECTIONS: usize = 8;

#[test]
fn in_memory() {
    check_all("memory");
}

#[test]
fn in_mongodb() {
    check_all(&Database::new().store());
}

#[test]
fn in_sqlite() {
    check_all(&Folder::new().store());
}

#[test]
fn in_redis() {
    check_all(&Keys::new().store());
}

#[test]
fn in_postgres() {
    check_all(&Table::new().store());
}

#[test]
fn several_workers() {
    let server = Server::start_with("memory", &[("WORKERS", "4")]);
    counting_loses_nothing(&server);
    keys_set_at_once_all_survive(&server);
}

/// Two processes on one database are one server.
#[test]
fn two_servers_share_a_database() {
    let database = Database::new();
    let (one, two) = (Server::start(&database.store()), Server::start(&database.store()));
    let mut here = one.client();
    here.ok("POST", "/set/k/v");
    assert_eq!(here.at(&two).ok("GET", "/dump"), r#"{"k":"v"}"#);

    let clients: Vec<Client> = (0..CONNECTIONS).map(|i| here.at(if i % 2 == 0 { &one } else { &two })).collect();
    at_once(clients, 50, |client, _| {
        client.ok("POST", "/incr");
        client.ok("POST", "/update");
    });
    assert_eq!(here.at(&two).ok("GET", "/read"), (2 * 50 * CONNECTIONS).to_string());

    here.ok("POST", "/login/ada");
    let mut there = here.at(&two);
    assert_eq!(sessions(&mut there).len(), 1);
    let late = during_a_slow_request(&here.at(&one), || {
        there.ok("POST", "/logout");
    });
    assert_eq!((late.status, late.header("set-cookie")), (409, None));
    assert_eq!(here.ok("GET", "/dump"), "{}");
}

/// It starts all the same, answers what needs no session, and says 503 within the deadline to the rest.
#[test]
fn a_database_that_is_down_is_no_empty_session() {
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let server = Server::start(&format!("mongodb://127.0.0.1:{port}/shop?layout=native"));
    let mut client = server.client();
    assert_eq!(client.ok("GET", "/"), "ok");
    // Without a ticket there is nothing to ask for.
    assert_eq!(client.ok("GET", "/read"), "0");
    let started = Instant::now();
    let answer = client.post("/set/k/v");
    assert_eq!((answer.status, answer.header("set-cookie")), (503, None), "{answer:?}");
    assert!(answer.header("retry-after").is_some());
    assert!(started.elapsed() < Duration::from_secs(4));
    assert_eq!(server.stop("TERM").code(), Some(0));
}

#[test]
fn what_can_not_be_started_says_why() {
    for (variable, value, reason) in [
        ("STORE", "couchdb://127.0.0.1", "no store of that kind"),
        ("STORE", "sqlite:/nowhere/sessions.db", "STORE"),
        ("STORE", "mongodb://127.0.0.1/?layout=connect-nobody", "not available"),
        ("PORT", "70000", "port"),
        ("COOKIE", "a b", "COOKIE"),
    ] {
        let server = std::process::Command::new(env!("CARGO_BIN_EXE_reference-server"))
            .env_clear()
            .env(variable, value)
            .output()
            .unwrap();
        let told = String::from_utf8(server.stderr).unwrap();
        assert!(!server.status.success() && told.contains(reason), "{variable}={value}: {told}");
    }
}

#[test]
fn a_request_that_is_under_way_is_answered_before_the_end() {
    let server = Server::start("memory");
    let mut client = server.client();
    client.ok("POST", "/set/k/v");
    // This connection just stays open; it must not keep the server.
    let _idle = client.again();
    let slow = std::thread::spawn(move || client.post("/slow/300/late/v"));
    std::thread::sleep(Duration::from_millis(100));
    assert_eq!(server.stop("INT").code(), Some(0));
    assert_eq!(slow.join().unwrap().body, "ok");
}

fn check_all(store: &str) {
    let server = Server::start(store);
    the_routes_of_a_session(&server);
    the_routes_of_a_user(&server);
    paths_are_decoded(&server);
    cookies_in_and_out(&server);
    public_answers_with_a_ticket_are_not_stored(&server);
    counting_loses_nothing(&server);
    keys_set_at_once_all_survive(&server);
    what_was_ended_stays_dead(&server);
    what_was_rotated_away_stays_dead(&server);
    assert_eq!(server.stop("TERM").code(), Some(0));
}

fn the_routes_of_a_session(server: &Server) {
    let mut client = server.client();
    let answer = client.get("/");
    assert_eq!((answer.status, answer.body.as_str()), (200, "ok"));
    assert_eq!(answer.header("content-type"), Some("text/plain; charset=utf-8"));
    assert_eq!((answer.header("set-cookie"), answer.header("vary")), (None, None));
    assert_eq!(client.ok("GET", "/read"), "0");
    assert_eq!(client.ok("GET", "/dump"), "{}");
    assert_eq!(client.ok("POST", "/unset/k"), "ok");
    assert_eq!(client.cookie, None, "nothing is stored yet");

    let answer = client.post("/incr");
    assert_eq!(answer.body, "1");
    let line = answer.header("set-cookie").unwrap();
    assert!(line.starts_with("sid=s%3A") && line.ends_with("; Path=/; HttpOnly; SameSite=Lax"), "{line}");
    assert_eq!(client.ok("POST", "/update"), "2");
    assert_eq!(client.ok("POST", "/ext/slow-incr?ms=1"), "3");
    assert_eq!(client.ok("GET", "/read"), "3");
    assert_eq!(client.ok("POST", "/set/k/v"), "ok");
    assert_eq!(client.ok("GET", "/dump"), r#"{"k":"v","n":3}"#);
    assert_eq!(client.ok("POST", "/unset/n"), "ok");
    assert_eq!(client.ok("POST", "/slow/1/s/t"), "ok");
    assert_eq!(client.ok("GET", "/dump"), r#"{"k":"v","s":"t"}"#);

    let before = client.cookie.clone();
    assert_eq!(client.ok("POST", "/logout"), "ok");
    assert_eq!(client.cookie, None, "the browser was told to drop the ticket");
    client.cookie = before;
    assert_eq!(client.ok("GET", "/dump"), "{}");
    assert_eq!(client.get("/none").status, 404);
}

fn the_routes_of_a_user(server: &Server) {
    let (mut phone, mut desk) = (server.client(), server.client());
    assert_eq!(phone.get("/sessions").status, 401);
    assert_eq!(phone.post("/revoke/x").status, 401);
    phone.ok("POST", "/set/cart/full");
    let anonymous = phone.cookie.clone();
    assert_eq!(phone.ok("POST", "/login/grace"), "ok");
    assert_ne!(phone.cookie, anonymous);
    assert_eq!(phone.ok("GET", "/dump"), r#"{"cart":"full","user":"grace"}"#);
    desk.ok("POST", "/login/grace");

    let listed = sessions(&mut desk);
    assert_eq!(listed.len(), 2);
    let is_current = |session: &&Value| session["current"] == json!(true);
    let mine = listed.iter().find(is_current).unwrap();
    let other = listed.iter().find(|session| !is_current(session)).unwrap();
    for session in &listed {
        assert!(session["created"].as_i64() <= session["last_seen"].as_i64(), "{session}");
        assert!(!desk.cookie.as_ref().unwrap().contains(session["handle"].as_str().unwrap()));
    }
    let revoke = |session: &Value| format!("/revoke/{}", session["handle"].as_str().unwrap());
    assert_eq!(desk.post(&revoke(mine)).status, 404, "the session that asks is no other");
    assert_eq!(desk.post("/revoke/nonsense").status, 404);
    assert_eq!(desk.ok("POST", &revoke(other)), "ok");
    assert_eq!(desk.post(&revoke(other)).status, 404);
    assert_eq!(phone.ok("GET", "/dump"), "{}");
    assert_eq!(sessions(&mut desk).len(), 1);
}

fn paths_are_decoded(server: &Server) {
    let mut client = server.client();
    client.ok("POST", "/set/a%2Eb/%C3%A9%2F%20%22x%22");
    client.ok("POST", "/set/%24x/%7B%22%24ne%22%3A1%7D");
    let dumped: Value = serde_json::from_str(&client.ok("GET", "/dump")).unwrap();
    assert_eq!(dumped, json!({ "a.b": "é/ \"x\"", "$x": "{\"$ne\":1}" }));
    client.ok("POST", "/unset/a%2Eb");
    assert_eq!(client.ok("GET", "/dump"), r#"{"$x":"{\"$ne\":1}"}"#);
}

fn cookies_in_and_out(server: &Server) {
    let mut client = server.client();
    client.cookie = Some("a=1; b=%C3%A9; a=2; sid=garbage".to_owned());
    assert_eq!(client.ok("GET", "/ext/cookies"), r#"{"a":"1","b":"é","sid":"garbage"}"#);
    client.cookie = None;

    let query = "name=c&value=x%20y&path=/p&maxage=60&httponly=1&samesite=Strict&priority=low&secure=&domain=";
    let answer = client.get(&format!("/ext/setcookie?{query}"));
    assert_eq!((answer.status, answer.body.as_str()), (200, "ok"));
    assert_eq!(
        answer.header("set-cookie"),
        Some("c=x%20y; Max-Age=60; Path=/p; HttpOnly; Priority=Low; SameSite=Strict")
    );
    let answer = client.get("/ext/setcookie?name=c&value=v&secure=1&partitioned=1&expires=0");
    assert_eq!(answer.header("set-cookie"), Some("c=v; Expires=Thu, 01 Jan 1970 00:00:00 GMT; Secure; Partitioned"));
    for (query, reason) in [
        ("name=&value=v", "name"),
        ("name=c&value=%0A", "control"),
        ("name=__Host-c&value=v&path=/", "Secure"),
        ("name=c&value=v&samesite=none", "Secure"),
        ("name=c&value=v&domain=example.org", "example.org"),
        ("name=c&value=v&maxage=soon", "maxage"),
    ] {
        let answer = client.get(&format!("/ext/setcookie?{query}"));
        assert_eq!((answer.status, answer.header("set-cookie")), (422, None), "{query}");
        assert!(answer.body.contains(reason), "{query}: {}", answer.body);
    }
}

fn public_answers_with_a_ticket_are_not_stored(server: &Server) {
    let mut client = server.client();
    let first = client.get("/ext/public");
    assert_eq!((first.body.as_str(), first.header("cache-control")), ("1", Some("no-store")));
    assert!(first.header("set-cookie").is_some());
    let second = client.get("/ext/public");
    assert_eq!((second.body.as_str(), second.header("cache-control")), ("2", Some("public")));
    assert_eq!((second.header("set-cookie"), second.header("vary")), (None, Some("cookie")));
}

fn counting_loses_nothing(server: &Server) {
    for route in ["/incr", "/update"] {
        let mut client = server.client();
        client.ok("POST", "/set/k/v");
        let clients = (0..CONNECTIONS).map(|_| client.again()).collect();
        let answers = at_once(clients, 1_000 / CONNECTIONS, |client, _| client.ok("POST", route));
        assert_eq!(client.ok("GET", "/read"), "1000", "{route}");
        let distinct: BTreeSet<String> = answers.into_iter().collect();
        assert_eq!(distinct.len(), 1_000, "each {route} was told another number");
    }
}

fn keys_set_at_once_all_survive(server: &Server) {
    const KEYS: usize = 500;
    let mut client = server.client();
    client.ok("POST", "/set/k/v");
    let clients = (0..50).map(|_| client.again()).collect();
    at_once(clients, KEYS / 50, |client, number| client.ok("POST", &format!("/set/key{number}/v")));
    let dumped: Value = serde_json::from_str(&client.ok("GET", "/dump")).unwrap();
    assert_eq!(dumped.as_object().unwrap().len(), KEYS + 1);
}

fn what_was_ended_stays_dead(server: &Server) {
    five_times(|| {
        let mut client = server.client();
        client.ok("POST", "/set/k/v");
        let mut before = client.again();
        let late = during_a_slow_request(&client.again(), || {
            client.ok("POST", "/logout");
        });
        assert_eq!((late.status, late.header("set-cookie")), (409, None), "{late:?}");
        assert_eq!(before.ok("GET", "/dump"), "{}");
    });
}

fn what_was_rotated_away_stays_dead(server: &Server) {
    five_times(|| {
        let mut client = server.client();
        client.ok("POST", "/set/k/v");
        let mut before = client.again();
        let late = during_a_slow_request(&client.again(), || {
            client.ok("POST", "/login/ada");
        });
        assert_eq!((late.status, late.header("set-cookie")), (409, None), "{late:?}");
        assert_eq!(before.ok("GET", "/dump"), "{}");
        assert_eq!(client.ok("GET", "/dump"), r#"{"k":"v","user":"ada"}"#);
    });
}

/// At the same time, since most of it is waiting.
fn five_times(check: impl Fn() + Sync) {
    std::thread::scope(|scope| (0..5).for_each(|_| drop(scope.spawn(&check))));
}

/// The answer to a request that loaded its session before `then` ran and writes it after. The times leave room for a busy
/// machine, on which a thread may have to wait its turn.
fn during_a_slow_request(client: &Client, then: impl FnOnce()) -> Answer {
    let mut client = client.again();
    std::thread::scope(|scope| {
        let slow = scope.spawn(move || client.post("/slow/500/late/v"));
        std::thread::sleep(Duration::from_millis(150));
        then();
        assert!(!slow.is_finished(), "the slow request was not slow enough");
        slow.join().unwrap()
    })
}

/// Lets every client send `count` requests, all clients at once; each request gets a number of its own.
fn at_once<T: Send>(clients: Vec<Client>, count: usize, request: impl Fn(&mut Client, usize) -> T + Sync) -> Vec<T> {
    let request = &request;
    std::thread::scope(|scope| {
        let run = |(index, mut client): (usize, Client)| {
            scope.spawn(move || (0..count).map(|each| request(&mut client, index * count + each)).collect::<Vec<T>>())
        };
        let running: Vec<_> = clients.into_iter().enumerate().map(run).collect();
        running.into_iter().flat_map(|thread| thread.join().unwrap()).collect()
    })
}

fn sessions(client: &mut Client) -> Vec<Value> {
    serde_json::from_str(&client.ok("GET", "/sessions")).unwrap()
}
