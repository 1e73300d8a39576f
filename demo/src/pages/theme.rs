//! The theme's form, in every page's footer. It changes nobody's session, and is there on error pages too, which know none: so it
//! has no token.

use axum::Form;
use axum::response::Redirect;
use cloakroom::cookie::CookieJar;
use serde::Deserialize;

use crate::errors::AppError;
use crate::next::LocalPath;
use crate::theme::Theme;

#[derive(Deserialize)]
pub(crate) struct Choice {
    theme: Theme,
    #[serde(default)]
    next: LocalPath,
}

pub(crate) async fn choose(mut jar: CookieJar, Form(choice): Form<Choice>) -> Result<(CookieJar, Redirect), AppError> {
    choice.theme.keep(&mut jar)?;
    Ok((jar, Redirect::to(choice.next.as_str())))
}
