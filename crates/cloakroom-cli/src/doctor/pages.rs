//! Whether an answer shows what only who is logged in may see.

use cloakroom::store::{Finding, Verdict};

use super::browser::{Answer, Browser};
use super::web::Plan;
use crate::failure::Outcome;

/// The private page as who is logged in sees it, and as nobody does.
pub(crate) struct Pages {
    inside: Answer,
    outside: Answer,
}

impl Pages {
    pub(crate) async fn see(plan: &Plan, browser: &mut Browser) -> Outcome<Pages> {
        // The first look shows what is shown once, such as a welcome.
        browser.ask(&plan.private).await?;
        let inside = browser.ask(&plan.private).await?;
        Ok(Pages { inside, outside: Browser::new(&plan.site).ask(&plan.private).await? })
    }

    /// Whether it is the page of who is logged in; none if that can't be told, as where a page is another one each time.
    pub(crate) fn is_inside(&self, answer: &Answer) -> Option<bool> {
        if !self.inside.is_answered_like(&self.outside) {
            return Some(answer.is_answered_like(&self.inside));
        }
        match (answer.is_like(&self.inside), answer.is_like(&self.outside)) {
            (true, false) => Some(true),
            (false, true) => Some(false),
            (true, true) | (false, false) => None,
        }
    }

    /// What who is logged in is answered, next to another answer.
    pub(crate) fn inside_beside(&self, other: &Answer) -> String {
        let others = if other.status == self.inside.status { " with another page" } else { "" };
        format!("{}{others}", self.inside.status)
    }

    pub(crate) fn tell_nothing(&self, subject: &'static str) -> Finding {
        let status = self.outside.status;
        let is_alike = self.inside.is_like(&self.outside);
        let words = if is_alike { "answers everybody alike" } else { "is another one each time" };
        Finding::new(subject, Verdict::Unknown, format!("the page {words} ({status})"))
            .advise("name a page that differs for whom is logged in, and for them alone, by --private 'GET /account'")
    }
}
