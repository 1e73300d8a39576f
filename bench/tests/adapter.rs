//! The cookie adapter as a process: lines in, lines out.

#![allow(clippy::unwrap_used, reason = "the helpers of tests are tests, too")]

use std::io::Write as _;
use std::process::{Command, Stdio};

use serde_json::{Value, json};

/// What the adapter answers to these lines, one each.
fn answers(lines: &[&[u8]]) -> Vec<Value> {
    let mut adapter = Command::new(env!("CARGO_BIN_EXE_cookie-adapter"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut input = adapter.stdin.take().unwrap();
    input.write_all(&lines.join(b"\n".as_slice())).unwrap();
    drop(input);
    let output = adapter.wait_with_output().unwrap();
    assert!(output.status.success());
    let answers = String::from_utf8(output.stdout).unwrap();
    answers.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn check(cases: &[(Value, Value)]) {
    let requests: Vec<String> = cases.iter().map(|(request, _)| request.to_string()).collect();
    let lines: Vec<&[u8]> = requests.iter().map(String::as_bytes).collect();
    let answers = answers(&lines);
    assert_eq!(answers.len(), cases.len());
    for ((request, expected), answer) in cases.iter().zip(answers) {
        assert_eq!(answer, *expected, "{request}");
    }
}

#[test]
fn parsing_follows_express() {
    let parse = |cookie: &str| json!({ "op": "parse", "cookie": cookie });
    check(&[
        (parse(""), json!({ "pairs": [] })),
        (parse("a=1; b=2; a=3"), json!({ "pairs": [["a", "1"], ["b", "2"]] })),
        (parse("a=\"x y\"; b=%C3%A9; c=%FF; d"), json!({ "pairs": [["a", "x y"], ["b", "é"], ["c", "%FF"]] })),
        (parse("__proto__=x; toString=y"), json!({ "pairs": [["__proto__", "x"], ["toString", "y"]] })),
        (json!({ "op": "parse", "cookie_hex": "613dff00" }), json!({ "pairs": [["a", "\u{fffd}\0"]] })),
    ]);
}

#[test]
fn serializing_says_what_a_browser_would_not_keep() {
    let serialize = |name: &str, value: &str, attrs: Value| json!({ "op": "serialize", "name": name, "value": value, "attrs": attrs });
    check(&[
        (json!({ "op": "serialize", "name": "a", "value": "b c" }), json!({ "set_cookie": "a=b%20c" })),
        (
            serialize(
                "a",
                "",
                json!({ "path": "/", "domain": "x.example", "max_age": 5.9, "expires_unix": null, "secure": true,
                    "http_only": true, "same_site": "lax", "partitioned": true, "priority": "HIGH" }),
            ),
            json!({ "set_cookie":
                "a=; Max-Age=5; Domain=x.example; Path=/; HttpOnly; Secure; Partitioned; Priority=High; SameSite=Lax" }),
        ),
        (
            serialize("a", "b", json!({ "max_age": -1, "expires_unix": -1e300 })),
            json!({
                "warning": "the cookie has expired already, so it is removed from the browser",
                "set_cookie": "a=b; Max-Age=0; Expires=Thu, 01 Jan 1970 00:00:00 GMT",
            }),
        ),
        (
            serialize("a", "b", json!({ "max_age": 1e300 })),
            json!({
                "warning": "the lifetime is cut to the 400 days that browsers allow",
                "set_cookie": "a=b; Max-Age=34560000",
            }),
        ),
        (
            serialize("a", "x\ny", json!({})),
            json!({ "error": "the cookie's value has a control character, at byte 1" }),
        ),
        (
            serialize("a", "b", json!({ "same_site": "None" })),
            json!({ "error": "the cookie `a` is SameSite=None without Secure; browsers drop it" }),
        ),
        (serialize("a", "b", json!({ "same_site": "maybe" })), json!({ "error": "SameSite is Strict, Lax or None" })),
    ]);
}

#[test]
fn the_site_that_sets_a_cookie_counts() {
    let at = |scheme: &str, host: &str, attrs: Value| {
        json!({ "op": "serialize", "name": "a", "value": "b", "attrs": attrs,
        "context": { "scheme": scheme, "host": host } })
    };
    check(&[
        (at("https", "x.example", json!({ "secure": true })), json!({ "set_cookie": "a=b; Secure" })),
        (
            at("http", "x.example:80", json!({ "secure": true })),
            json!({ "error": "the cookie `a` is Secure and `x.example` answers over plain HTTP; browsers drop it" }),
        ),
        (
            at("https", "x.example", json!({ "domain": "y.example" })),
            json!({ "error": "the host `x.example` can't set the cookie `a` for the Domain `y.example`" }),
        ),
    ]);
}

#[test]
fn signatures_are_those_of_express() {
    let signed = "apple.Qbi9QyXFSRaSHIUdadeAhIjl0qTn+nQWKhyR2j0qJpY";
    let unsign = |signed: &str, secret: &str| json!({ "op": "unsign", "signed": signed, "secret": secret });
    check(&[
        (json!({ "op": "sign", "value": "apple", "secret": "tobiiscool" }), json!({ "signed": signed })),
        (unsign(signed, "tobiiscool"), json!({ "value": "apple" })),
        (unsign(signed, "x"), json!({ "value": false })),
        (unsign(&format!("s:{signed}"), "tobiiscool"), json!({ "value": false })),
        (unsign("", "tobiiscool"), json!({ "value": false })),
    ]);
}

#[test]
fn a_line_that_makes_no_sense_gets_an_error_and_the_next_one_its_answer() {
    let good = br#"{"op":"parse","cookie":"a=1"}"#.as_slice();
    let bad: [&[u8]; 6] = [b"", b"{", b"null", b"\xff", br#"{"op":"bake"}"#, br#"{"op":"parse","cookie":1}"#];
    for line in bad {
        let answers = answers(&[line, good]);
        assert!(answers[0]["error"].is_string(), "{answers:?}");
        assert_eq!(answers[1], json!({ "pairs": [["a", "1"]] }));
    }
}
