//! The secrets that sign cookies: from the environment or a file, never from the arguments, which everybody can see.

use cloakroom::cookie::KeyRing;

use crate::arguments::Common;
use crate::failure::{Failure, Outcome};
use crate::key_file;

/// Secrets, the newest first, with commas in between.
const VARIABLE: &str = "CLOAKROOM_SECRET";

/// The secrets, newest first.
pub(crate) fn read(common: &Common) -> Outcome<Vec<String>> {
    if let Some(path) = &common.key_file {
        return key_file::read(path);
    }
    let text = std::env::var(VARIABLE).unwrap_or_default();
    let secrets: Vec<String> =
        text.split(',').map(str::trim).filter(|secret| !secret.is_empty()).map(str::to_owned).collect();
    if secrets.is_empty() {
        return Err(Failure::usage(format!("which secret? Set {VARIABLE}, or name a file by --key-file")));
    }
    Ok(secrets)
}

/// The key ring of these secrets, of any length: they are somebody else's choice.
pub(crate) fn ring(secrets: &[String]) -> Outcome<KeyRing> {
    KeyRing::weak(secrets).map_err(|error| Failure::because("the secrets make no key ring", error))
}
