//! `keys`: the file of secrets that sign cookies.

use std::collections::HashSet;
use std::path::Path;

use cloakroom::cookie::KeyRing;
use serde::Serialize;

use crate::arguments::{Common, KeysTask};
use crate::confirm::confirm;
use crate::failure::{Exit, Failure, Outcome};
use crate::key_file;
use crate::output::{Output, table};
use crate::secrets;

/// A shorter secret can be found out from a single cookie.
const STRONG: usize = 32;

/// A secret, without telling it.
#[derive(Serialize)]
struct SecretJson {
    /// 1 is the newest, which signs.
    number: usize,
    bytes: usize,
    strong: bool,
    /// Whether it stands there twice.
    repeated: bool,
    /// Eight characters by which two machines can compare their secrets; none of a weak one, which they would help to find.
    fingerprint: Option<String>,
}

#[derive(Serialize)]
struct ChangedJson {
    secrets: usize,
    dry_run: bool,
}

pub(crate) fn keys(common: &Common, output: Output, task: &KeysTask) -> Outcome {
    match task {
        KeysTask::Generate => {
            let path = file_of(common)?;
            if !common.dry_run {
                key_file::make(path, &[key_file::generate()?])?;
            }
            told(common, output, "made the key file", 1)
        }
        KeysTask::Rotate { keep } => {
            let path = file_of(common)?;
            let mut secrets = vec![key_file::generate()?];
            secrets.extend(key_file::read(path)?);
            let keep = keep.and_then(|keep| usize::try_from(keep).ok()).unwrap_or(usize::MAX);
            let dropped = secrets.len().saturating_sub(keep);
            secrets.truncate(keep);
            if !common.dry_run {
                if dropped > 0 {
                    let question =
                        format!("Forget the {dropped} oldest secrets? What only they have signed ends at once.");
                    confirm(common, &question)?;
                }
                key_file::replace(path, &secrets)?;
            }
            told(common, output, "put a new secret in front", secrets.len())
        }
        KeysTask::Verify => verify(common, output),
    }
}

fn file_of(common: &Common) -> Outcome<&Path> {
    common.key_file.as_deref().ok_or_else(|| Failure::usage("which file? Name it by --key-file"))
}

fn told(common: &Common, output: Output, what: &str, secrets: usize) -> Outcome {
    let would = if common.dry_run { "would have " } else { "" };
    let value = ChangedJson { secrets, dry_run: common.dry_run };
    output.either(format!("{would}{what}; secrets in it: {secrets}"), &value)?;
    if !output.json {
        output.note("Every process that signs or reads cookies has to be given it: first to all as an older one, then as the newest.");
    }
    Ok(Exit::Done)
}

fn verify(common: &Common, output: Output) -> Outcome {
    let secrets = secrets::read(common)?;
    let mut before = HashSet::new();
    let mut looked_at = Vec::new();
    for (number, secret) in (1..).zip(&secrets) {
        let strong = secret.len() >= STRONG;
        let fingerprint = if strong { Some(fingerprint(secret)?) } else { None };
        looked_at.push(SecretJson {
            number,
            bytes: secret.len(),
            strong,
            repeated: !before.insert(secret),
            fingerprint,
        });
    }
    if output.json {
        looked_at.iter().try_for_each(|secret| output.value(secret))?;
    } else {
        let row = |secret: &SecretJson| {
            let word = match (secret.strong, secret.repeated) {
                (_, true) => "stands there twice",
                (false, false) => "weak: under 32 bytes",
                (true, false) => "good",
            };
            let fingerprint = secret.fingerprint.clone().unwrap_or_else(|| "–".to_owned());
            vec![secret.number.to_string(), secret.bytes.to_string(), fingerprint, word.to_owned()]
        };
        table(output, &["NUMBER", "BYTES", "FINGERPRINT", "IS"], &looked_at.iter().map(row).collect::<Vec<_>>())?;
    }
    let good = looked_at.iter().all(|secret| secret.strong && !secret.repeated);
    Ok(if good { Exit::Done } else { Exit::Found })
}

/// What a secret signs can't be turned back, if the secret is strong.
fn fingerprint(secret: &str) -> Outcome<String> {
    let signed = KeyRing::new(secret).map_err(|error| Failure::because("the secret", error))?;
    let signed = signed.cookie_signature("cloakroom fingerprint of a secret");
    let signature = signed.rsplit_once('.').map_or("", |(_, signature)| signature);
    Ok(signature.chars().filter(char::is_ascii_alphanumeric).take(8).collect())
}
