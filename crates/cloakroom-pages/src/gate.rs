//! Who may see a page and who may send its forms: what all pages ask before they do anything.

use std::time::Duration;

use axum::http::StatusCode;
use axum::response::IntoResponse;
use cloakroom::cross_site::CrossSiteLayer;
use cloakroom::{Session, UserId};

use crate::mount::{Mount, see_other};
use crate::refused::Refused;

/// What an application has set for a page, whichever page it is.
#[derive(Clone, Debug, Default)]
pub(crate) struct Gate {
    pub(crate) log_in: Option<String>,
    pub(crate) step_up: Option<StepUp>,
    pub(crate) cross_site: CrossSiteLayer,
}

/// Asks who wants to end sessions to prove once more who they are.
#[derive(Clone, Debug)]
pub(crate) struct StepUp {
    pub(crate) max_age: Duration,
    pub(crate) path: String,
}

impl Gate {
    /// Who is logged in. Everybody else is sent to the log-in, or told `otherwise`.
    pub(crate) fn user(&self, session: &Session, mount: &Mount, otherwise: &str) -> Result<UserId, Refused> {
        session.user().ok_or_else(|| {
            Refused::from(match &self.log_in {
                Some(path) => see_other(&mount.by_way_of(path)),
                None => (StatusCode::UNAUTHORIZED, otherwise.to_owned()).into_response(),
            })
        })
    }

    /// Where to confirm first who one is; none if that was done a moment ago, or is never asked for.
    pub(crate) fn confirm(&self, session: &Session, mount: &Mount) -> Option<String> {
        let step_up = self.step_up.as_ref().filter(|step_up| !session.is_fresh(step_up.max_age))?;
        Some(mount.by_way_of(&step_up.path))
    }
}
