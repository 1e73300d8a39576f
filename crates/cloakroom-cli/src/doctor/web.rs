//! A running web application from outside: what it says with its cookies, and what it does with those of others.

use cloakroom::store::{Finding, Verdict};

use super::browser::{Answer, Asked, Browser, Site};
use super::cookie::SetCookie;
use super::exam;
use crate::arguments::Doctor;
use crate::failure::{Failure, Outcome};

/// Cookies of these names are sessions.
const KNOWN: [&str; 12] = [
    "__Host-sid",
    "__Secure-sid",
    "sid",
    "connect.sid",
    "session",
    "sessionid",
    "session_id",
    "id",
    "JSESSIONID",
    "PHPSESSID",
    "laravel_session",
    "_session_id",
];
const MOST_SAMPLES: usize = 64;

/// What is to be asked.
pub(crate) struct Plan {
    pub(crate) site: Site,
    pub(crate) begin: Asked,
    pub(crate) login: Option<Asked>,
    pub(crate) logout: Option<Asked>,
    pub(crate) private: Asked,
    pub(crate) name: String,
}

pub(crate) async fn examine(page: &str, task: &Doctor) -> Outcome<Vec<Finding>> {
    let site = Site::read(page)?;
    let read = |text: &Option<String>| text.as_deref().map(Asked::read).transpose();
    let begin = Asked::get(&site.path);
    let (login, logout) = (read(&task.login)?, read(&task.logout)?);
    let private = read(&task.private)?.unwrap_or_else(|| begin.clone());

    let mut first = Browser::new(&site);
    let mut answers = vec![first.ask(&begin).await?];
    let mut findings = vec![Finding::new("page", Verdict::Note, format!("answers {}", answers[0].status))];
    if let (Some(login), true) = (&login, find(&answers, task.cookie.as_deref()).is_none()) {
        // Only who logs in is given a session.
        answers.push(first.ask(login).await?);
    }
    let Some(cookie) = find(&answers, task.cookie.as_deref()) else {
        findings.push(Finding::new("session cookie", Verdict::Unknown, "none was set").advise(
            "name a page that begins a session, the cookie by --cookie, or how to log in by --login 'POST /path body'",
        ));
        return Ok(findings);
    };
    let plan = Plan { site, begin, login, logout, private, name: cookie.name.clone() };
    findings.push(Finding::new("session cookie", Verdict::Note, cookie.shown()));
    findings.extend(exam::attributes(&cookie, plan.site.is_tls()));
    findings.extend(answers.iter().filter(|answer| sets(answer, &plan.name)).take(1).map(exam::caching));
    findings.push(exam::ids(&plan, task.samples.clamp(1, MOST_SAMPLES)).await?);
    findings.push(exam::planted(&plan).await?);
    match (&plan.login, &plan.logout) {
        (None, _) => {
            findings.push(skipped("V7.2.4 a new id at each log-in", "--login"));
            findings.push(skipped("V7.4.1 what has ended can't be used", "--login and --logout"));
        }
        (Some(login), None) => {
            findings.extend(exam::log_in(&plan, login).await?);
            findings.push(skipped("V7.4.1 what has ended can't be used", "--logout"));
        }
        (Some(login), Some(logout)) => {
            findings.extend(exam::log_in(&plan, login).await?);
            findings.push(exam::replay(&plan, login, logout).await?);
        }
    }
    Ok(findings)
}

/// A browser that has a session, if a page or the log-in gives one.
pub(crate) async fn with_session(plan: &Plan) -> Outcome<Browser> {
    let mut browser = Browser::new(&plan.site);
    browser.ask(&plan.begin).await?;
    if browser.cookie(&plan.name).is_none()
        && let Some(login) = &plan.login
    {
        browser.ask(login).await?;
    }
    if browser.cookie(&plan.name).is_none() {
        return Err(Failure::words("the application gave a session once, and then none any more: it may limit them"));
    }
    Ok(browser)
}

pub(crate) fn sets(answer: &Answer, name: &str) -> bool {
    answer.cookies().iter().any(|cookie| cookie.name == name && !cookie.is_removal())
}

fn find(answers: &[Answer], name: Option<&str>) -> Option<SetCookie> {
    let mut cookies: Vec<SetCookie> =
        answers.iter().flat_map(Answer::cookies).filter(|cookie| !cookie.is_removal()).collect();
    if let Some(name) = name {
        cookies.retain(|cookie| cookie.name == name);
        return cookies.pop();
    }
    let known = cookies.iter().position(|cookie| KNOWN.contains(&cookie.name.as_str()));
    // Else the longest one that scripts can't read.
    let guarded = || {
        let guarded = cookies.iter().enumerate().filter(|(_, cookie)| cookie.has("httponly"));
        guarded.max_by_key(|(_, cookie)| cookie.value.len()).map(|(at, _)| at)
    };
    known.or_else(guarded).map(|at| cookies.swap_remove(at))
}

fn skipped(subject: &'static str, option: &str) -> Finding {
    Finding::new(subject, Verdict::Unknown, format!("not looked at: it needs {option}"))
}
