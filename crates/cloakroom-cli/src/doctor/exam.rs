//! The single examinations. Numbers with a V are those of OWASP ASVS 5.0.

use cloakroom::store::{Finding, Verdict};
use http::header::CACHE_CONTROL;

use super::browser::{Answer, Asked, Browser};
use super::cookie::SetCookie;
use super::entropy;
use super::pages::Pages;
use super::web::{Plan, with_session};
use crate::failure::{Failure, Outcome};

/// What V7.2.3 asks of an id.
const BITS: f64 = 128.0;
/// What V3.3.5 allows for name and value.
const LONGEST: usize = 4_096;

/// What the cookie says of itself.
pub(crate) fn attributes(cookie: &SetCookie, is_tls: bool) -> Vec<Finding> {
    let has = |name: &str, yes: &str, no: &str| if cookie.has(name) { yes.to_owned() } else { no.to_owned() };
    let prefix =
        ["__Host-", "__Secure-", "__Http-", "__Host-Http-"].into_iter().rfind(|prefix| cookie.name.starts_with(prefix));
    let same_site = cookie.attribute("samesite");
    let is_host = cookie.name.starts_with("__Host-");
    let domain = cookie.attribute("domain").filter(|domain| !domain.is_empty());
    let length = cookie.name.len() + cookie.value.len();
    let mut findings = vec![
        Finding::judge(
            "V3.3.1 Secure",
            cookie.has("secure"),
            Verdict::Bad,
            has("secure", "Secure", "no Secure"),
            "the browser sends it over plain HTTP too, where anybody on the way reads it: set Secure",
        ),
        Finding::judge(
            "V3.3.1 prefix",
            prefix.is_some(),
            Verdict::Weak,
            prefix.map_or("no prefix".to_owned(), |prefix| format!("the prefix {prefix}")),
            "a sibling host, or plain HTTP, can set a cookie of that name over it: name it __Host-…",
        ),
        Finding::judge(
            "V3.3.2 SameSite",
            matches!(same_site.map(str::to_ascii_lowercase).as_deref(), Some("lax" | "strict")),
            Verdict::Bad,
            same_site.map_or("no SameSite".to_owned(), |value| format!("SameSite={value}")),
            "other sites' forms are sent with it: set SameSite=Lax or Strict",
        ),
        Finding::judge(
            "V3.3.3 host only",
            is_host || domain.is_none(),
            Verdict::Weak,
            domain.map_or("no Domain".to_owned(), |domain| format!("Domain={domain}")),
            "every host below that domain is given the session: leave Domain out",
        ),
        Finding::judge(
            "V3.3.4 HttpOnly",
            cookie.has("httponly"),
            Verdict::Bad,
            has("httponly", "HttpOnly", "no HttpOnly"),
            "a script that gets into a page takes the session away: set HttpOnly",
        ),
        Finding::judge(
            "V3.3.5 size",
            length <= LONGEST,
            Verdict::Bad,
            format!("{length} bytes of name and value"),
            "browsers drop a longer cookie",
        ),
    ];
    if is_host && (!cookie.has("secure") || domain.is_some() || cookie.attribute("path") != Some("/")) {
        findings.push(
            Finding::new("V3.3.3 prefix rules", Verdict::Bad, cookie.shown())
                .advise("browsers refuse a cookie named __Host-… unless it has Secure, Path=/ and no Domain"),
        );
    }
    if !is_tls {
        findings.push(Finding::new(
            "transport",
            Verdict::Note,
            "looked at over plain HTTP: a cookie may be set otherwise over HTTPS",
        ));
    }
    findings
}

/// Whether a cache may keep the response that carries the session.
pub(crate) fn caching(answer: &Answer) -> Finding {
    let lines = answer.headers.get_all(CACHE_CONTROL).iter();
    let said: Vec<_> = lines.map(|line| String::from_utf8_lossy(line.as_bytes()).to_ascii_lowercase()).collect();
    let said = said.join(", ");
    let has = |word: &str| said.split(',').any(|each| each.trim().split('=').next() == Some(word));
    let (is_kept_out, is_private) = (has("no-store"), has("private") || has("no-cache"));
    let words =
        if said.is_empty() { "no Cache-Control with the cookie".to_owned() } else { format!("Cache-Control: {said}") };
    Finding::judge(
        "V14.3.2 caching",
        is_kept_out,
        if is_private { Verdict::Weak } else { Verdict::Bad },
        words,
        "a cache that keeps the response gives the session to others: send Cache-Control: no-store with it",
    )
}

/// How hard the ids are to guess, by a few of them.
pub(crate) async fn ids(plan: &Plan, samples: usize) -> Outcome<Finding> {
    let mut values = Vec::new();
    for _ in 0..samples {
        let browser = with_session(plan).await?;
        values.extend(browser.cookie(&plan.name).map(str::to_owned));
    }
    let Some(estimate) = entropy::estimate(&values) else {
        return Ok(Finding::new("V7.2.3 ids", Verdict::Unknown, "no session was begun"));
    };
    let entropy::Estimate { bits, length, varying, different, seen } = estimate;
    let words = format!(
        "{different} different ids in {seen} sessions; {varying} of {length} characters vary, which is {bits:.0} bits at most"
    );
    Ok(Finding::judge(
        "V7.2.3 ids",
        different == seen && bits >= BITS,
        Verdict::Bad,
        words,
        "an id that can be guessed is a log-in for everybody: draw 128 bits or more from a secure generator, anew for each session",
    ))
}

/// Whether the application takes an id that it has not made.
pub(crate) async fn planted(plan: &Plan) -> Outcome<Finding> {
    const SUBJECT: &str = "V7.2.2 no id of others";
    let own = with_session(plan).await?;
    let model = own.cookie(&plan.name).unwrap_or_default();
    let planted = like(model)?;
    let mut victim = Browser::new(&plan.site);
    victim.plant(&plan.name, &planted);
    victim.ask(&plan.begin).await?;
    if let Some(login) = &plan.login {
        victim.ask(login).await?;
    }
    let after = victim.cookie(&plan.name).unwrap_or_default();
    let is_kept = entropy::id_of(after) == entropy::id_of(&planted);
    Ok(if !is_kept {
        Finding::new(SUBJECT, Verdict::Good, "an invented id was replaced by one of the application's own")
    } else if plan.login.is_some() {
        Finding::new(SUBJECT, Verdict::Bad, "an invented id stayed the visitor's through a log-in").advise(
            "who plants a cookie has the session of whoever logs in with it: take no id that the server did not make, and make a new one at each log-in",
        )
    } else {
        Finding::new(SUBJECT, Verdict::Unknown, "an invented id got no other in its place")
            .advise("whether it opens anything, --login shows")
    })
}

/// Whether a log-in gives another id, and ends the one before.
pub(crate) async fn log_in(plan: &Plan, login: &Asked) -> Outcome<Vec<Finding>> {
    const SUBJECT: &str = "V7.2.4 a new id at each log-in";
    let mut browser = with_session(plan).await?;
    let before = browser.clone();
    let answer = browser.ask(login).await?;
    let is_new = browser.cookie(&plan.name) != before.cookie(&plan.name);
    let mut findings = vec![Finding::judge(
        SUBJECT,
        is_new,
        Verdict::Bad,
        format!(
            "the log-in answers {}, and {}",
            answer.status,
            if is_new { "sets another id" } else { "leaves the id" }
        ),
        "who knew the id before has the logged-in session too: make a new id at each log-in",
    )];
    if is_new {
        findings.push(old_ticket(plan, before, browser).await?);
    }
    Ok(findings)
}

/// Whether the id from before the log-in opens what the new one does.
async fn old_ticket(plan: &Plan, mut before: Browser, mut after: Browser) -> Outcome<Finding> {
    const SUBJECT: &str = "V7.2.4 the one before ends";
    let pages = Pages::see(plan, &mut after).await?;
    let old = before.ask(&plan.private).await?;
    Ok(match pages.is_inside(&old) {
        None => pages.tell_nothing(SUBJECT),
        Some(true) => Finding::new(SUBJECT, Verdict::Bad, "the id from before shows the page of whom is logged in")
            .advise("end the old session when its id is replaced"),
        Some(false) => Finding::new(
            SUBJECT,
            Verdict::Good,
            format!("the id from before is answered {}, the new one {}", old.status, pages.inside_beside(&old)),
        ),
    })
}

/// Whether a ticket still opens something after its session was logged out.
pub(crate) async fn replay(plan: &Plan, login: &Asked, logout: &Asked) -> Outcome<Finding> {
    const SUBJECT: &str = "V7.4.1 what has ended can't be used";
    let mut browser = with_session(plan).await?;
    browser.ask(login).await?;
    let mut thief = browser.clone();
    let pages = Pages::see(plan, &mut thief).await?;
    let out = browser.ask(logout).await?;
    let replayed = thief.ask(&plan.private).await?;
    Ok(match pages.is_inside(&replayed) {
        None => pages.tell_nothing(SUBJECT),
        Some(true) => Finding::new(
            SUBJECT,
            Verdict::Bad,
            format!("after the log-out ({}) the old cookie still shows the private page", out.status),
        )
        .advise("end the session on the server: to take the cookie away ends it in one browser only"),
        Some(false) => {
            let words = format!(
                "after the log-out ({}) the old cookie is answered {}, and was {}",
                out.status,
                replayed.status,
                pages.inside_beside(&replayed)
            );
            Finding::new(SUBJECT, Verdict::Good, words)
        }
    })
}

/// A value of the same form with other letters: what an attacker would plant.
fn like(model: &str) -> Outcome<String> {
    let mut random = vec![0; model.len()];
    getrandom::fill(&mut random)
        .map_err(|error| Failure::because("the operating system gives no random bytes", error))?;
    let encoded = model.strip_prefix("s%3A").map(|rest| ("s%3A", rest));
    let (prefix, rest) = encoded.or_else(|| model.strip_prefix("s:").map(|rest| ("s:", rest))).unwrap_or(("", model));
    // Percent signs stay with their digits.
    let mut kept = 0;
    let letters = rest.chars().zip(random).map(|(letter, dice)| {
        if letter == '%' {
            kept = 3;
        }
        if kept > 0 {
            kept -= 1;
            return letter;
        }
        let from = match letter {
            '0'..='9' => b'0'..=b'9',
            'a'..='f' => b'a'..=b'f',
            'g'..='z' => b'g'..=b'z',
            'A'..='F' => b'A'..=b'F',
            'G'..='Z' => b'G'..=b'Z',
            other => return other,
        };
        let letters: Vec<u8> = from.collect();
        char::from(letters[usize::from(dice) % letters.len()])
    });
    Ok(prefix.chars().chain(letters).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_planted_value_has_the_form_and_not_the_letters() {
        let model = "s%3AaB3-_xyzaB3-_xyzaB3-_xyz.sig%2Fsig%2BsigABC";
        let planted = like(model).unwrap();
        assert_eq!(planted.len(), model.len());
        assert!(planted != model && planted.starts_with("s%3A") && planted.contains("%2F") && planted.contains('.'));
    }
}
