//! Who may see everybody's sessions.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;

use axum::http::request::Parts;
use cloakroom::Session;

/// Who may see an [`AdminPage`](super::AdminPage): there is none without.
#[derive(Clone)]
pub struct Guard(Rule);

#[derive(Clone)]
enum Rule {
    Users(Arc<BTreeSet<String>>),
    When(Arc<Check>),
    Outside,
}

type Check = dyn Fn(&Session, &Parts) -> bool + Send + Sync;

impl Guard {
    /// Users with these ids who have logged in, and nobody else.
    pub fn users(users: impl IntoIterator<Item = impl Into<String>>) -> Guard {
        Guard(Rule::Users(Arc::new(users.into_iter().map(Into::into).collect())))
    }

    /// Users who have logged in and whom the application lets in, such as by a role that it keeps in the session or put into the
    /// request's extensions.
    pub fn when(check: impl Fn(&Session, &Parts) -> bool + Send + Sync + 'static) -> Guard {
        Guard(Rule::When(Arc::new(check)))
    }

    /// Nobody is turned away here: the application promises that a layer of its own around the router, or a proxy, lets none
    /// but administrators through.
    pub fn outside() -> Guard {
        Guard(Rule::Outside)
    }

    /// Whether only who has logged in here can be let in.
    pub(super) fn wants_user(&self) -> bool {
        !matches!(self.0, Rule::Outside)
    }

    pub(super) fn admits(&self, session: &Session, request: &Parts) -> bool {
        match (&self.0, session.user()) {
            (Rule::Outside, _) => true,
            (_, None) => false,
            (Rule::Users(users), Some(user)) => users.contains(user.as_str()),
            (Rule::When(check), Some(_)) => check(session, request),
        }
    }
}

impl fmt::Debug for Guard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.0 {
            Rule::Users(_) => "Guard::users(…)",
            Rule::When(_) => "Guard::when(…)",
            Rule::Outside => "Guard::outside()",
        })
    }
}
