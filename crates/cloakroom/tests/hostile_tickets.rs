//! Tickets that somebody has made, changed or spelt otherwise: worth nothing, and the store is not asked.

#![allow(clippy::unwrap_used, reason = "a test that fails may panic")]

mod support;

use cloakroom::cookie::CookieValue;
use cloakroom::testing::Browser;

use support::stranger::{decoded, forged, is_accepted, is_refused, signed, site, visit};

#[tokio::test]
async fn an_operator_is_no_id() {
    let (site, _) = site().await;
    for id in [
        "{\"$ne\":1}",
        "{\"$gt\":\"\"}",
        "$where",
        "$ne",
        "[]",
        "[object Object]",
        "[\"a\",\"b\"]",
        "j:{\"$ne\":1}",
        "null",
        "undefined",
        "true",
        "*",
        "' OR '1'='1",
        "../../etc/passwd",
        "__proto__",
        "sess:*",
    ] {
        let encoded = CookieValue::encode(id).unwrap();
        is_refused(&site, id).await;
        is_refused(&site, encoded.as_str()).await;
        is_refused(&site, &format!("s%3A{}", encoded.as_str())).await;
        is_refused(&site, &format!("s%3A{}.signature", encoded.as_str())).await;
        is_refused(&site, &forged(id)).await;
        // Signed, it is an id like any other: one that no session has.
        let answer = visit(&site, "/read", &[format!("__Host-sid={}", signed(id))]).await;
        assert_eq!((answer.body.as_str(), site.store.calls()), ("0", vec!["load"]), "{id}");
    }
}

#[tokio::test]
async fn a_ticket_that_was_cut_or_extended_is_worthless() {
    let (site, ticket) = site().await;
    for length in 0..ticket.len() {
        is_refused(&site, &ticket[..length]).await;
        is_refused(&site, &ticket[length + 1..]).await;
    }
    for more in ["A", "=", "==", "%3D", "%3D%3D", ".", "%20", "+", "%00", "%0A", "%C3%A9", "A.A"] {
        is_refused(&site, &format!("{ticket}{more}")).await;
        is_refused(&site, &format!("{more}{ticket}")).await;
        is_refused(&site, &ticket.replace("s%3A", &format!("s%3A{more}"))).await;
        is_refused(&site, &ticket.replace('.', &format!("{more}."))).await;
        is_refused(&site, &ticket.replace('.', &format!(".{more}"))).await;
    }
}

#[tokio::test]
async fn a_signature_is_good_for_its_own_id_and_in_its_own_spelling() {
    let (site, ticket) = site().await;
    let text = decoded(&ticket);
    let (id, signature) = text.rsplit_once('.').unwrap();
    let other = decoded(&signed("another-id"));
    let (other_id, other_signature) = other.rsplit_once('.').unwrap();
    for bad in [
        format!("{id}.{other_signature}"),
        format!("{other_id}.{signature}"),
        format!("{id}."),
        id.to_owned(),
        format!(".{signature}"),
        format!("s:.{signature}"),
        format!("{id}.{}", signature.to_ascii_uppercase()),
        format!("{id}.{signature}="),
        format!("{id}.{signature}.{signature}"),
        format!("{signature}.{id}"),
        text.replacen("s:", "S:", 1),
        text.replacen("s:", "", 1),
        text.replacen("s:", "s:s:", 1),
        text.replacen("s:", "j:", 1),
    ] {
        is_refused(&site, CookieValue::encode(&bad).unwrap().as_str()).await;
    }
    // Base64 has two alphabets, and one signature would have two spellings.
    let numbers = (0..).map(|number| decoded(&signed(&format!("id{number}"))));
    let spelt = numbers.take(100).find(|text| text.contains('+') && text.contains('/')).unwrap();
    is_refused(&site, &spelt.replace('+', "-").replace('/', "_").replace(':', "%3A")).await;
    // The last letter of a signature has two bits that stand for nothing.
    let twin = |letter: char| char::from(u8::try_from(u32::from(letter)).unwrap() + 1);
    let last = signature.chars().next_back().unwrap();
    is_refused(&site, &format!("{}{}", &ticket[..ticket.len() - 1], twin(last))).await;
}

#[tokio::test]
async fn an_empty_id_is_none_even_if_it_is_signed() {
    let (site, ticket) = site().await;
    is_refused(&site, "").await;
    is_refused(&site, "\"\"").await;
    is_refused(&site, &signed("")).await;
    is_accepted(&site, &[format!("__Host-sid={}; __Host-sid={ticket}", signed(""))]).await;
}

#[tokio::test]
async fn a_ticket_is_what_it_decodes_to_once() {
    let (site, ticket) = site().await;
    let text = decoded(&ticket);
    let all: String = text.bytes().map(|byte| format!("%{byte:02x}")).collect();
    for good in [text.clone(), all.clone(), format!("\"{ticket}\"")] {
        is_accepted(&site, &[format!("__Host-sid={good}")]).await;
    }
    for bad in [
        CookieValue::encode(&ticket).unwrap().as_str().to_owned(),
        ticket.replace("%3A", "%253A"),
        // An overlong colon and an overlong full stop, and half-width ones.
        ticket.replace("%3A", "%C0%BA"),
        ticket.replace('.', "%C0%AE"),
        ticket.replace('.', "%E0%80%AE"),
        ticket.replace("%3A", "%EF%BC%9A"),
        // One escape that is broken, and nothing is decoded.
        format!("{ticket}%"),
        format!("{ticket}%zz"),
        ticket.replace("%3A", "%u003A"),
        ticket.replace("%3A", "&#58;"),
        format!("%00{ticket}"),
        format!("{ticket}%00"),
        ticket.replace('.', "%00."),
        format!("\"\"{ticket}\"\""),
        format!("'{ticket}'"),
    ] {
        is_refused(&site, &bad).await;
    }
}

#[tokio::test]
async fn an_id_that_the_server_did_not_store_is_never_taken_over() {
    let (site, _) = site().await;
    for (ticket, calls) in [(forged("chosen"), vec!["create"]), (signed("chosen"), vec!["load", "create"])] {
        let mut browser = Browser::new();
        browser.set_cookie("__Host-sid", &ticket);
        assert_eq!(site.get(&mut browser, "/login/ada").await.body, "in");
        assert_eq!(site.store.calls(), calls);
        let own = browser.cookie("__Host-sid").unwrap();
        assert!(!own.contains("chosen") && own != ticket, "{own}");
    }
}
