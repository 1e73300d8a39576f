//! `ticket`: what a session cookie carries. The ticket comes by standard input, since arguments are seen by everybody.

use std::io::{self, Read as _};
use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use cloakroom::Timestamp;
use cloakroom::cookie::{CookieValue, KeyRing, decode};
use cloakroom::record::{Handle, Record};
use cloakroom::store::{Exported, Names};
use serde::Serialize;

use crate::arguments::{Common, TicketTask};
use crate::failure::{Exit, Failure, Outcome};
use crate::key_file;
use crate::output::Output;
use crate::secrets;
use crate::store::Opened;
use crate::times::now;

/// A browser keeps no longer cookie.
const LONGEST: u64 = 8_192;

#[derive(Serialize)]
struct VerifiedJson {
    valid: bool,
    /// Which of the secrets has signed it; 1 is the newest.
    secret: Option<usize>,
    /// Whether the store has its session; none where no store was named, or it can't be asked.
    lives: Option<bool>,
    /// The session's public name, if it lives.
    handle: Option<String>,
}

#[derive(Serialize)]
struct ExplainedJson {
    characters: usize,
    percent_encoded: bool,
    /// Whether it is `s:`, an id, a dot and a signature of 32 bytes.
    is_ticket: bool,
    id_characters: Option<usize>,
    /// Whether the id could be one of Cloakroom's: 32 bytes in base64url.
    like_cloakroom: bool,
    /// Whether it could be one of express-session's: 24 bytes in base64url.
    like_express: bool,
    /// Which of the secrets has signed it; none where it is none of them, or there are no secrets.
    secret: Option<usize>,
}

pub(crate) async fn ticket(common: &Common, output: Output, task: &TicketTask) -> Outcome {
    match task {
        TicketTask::Sign { to } => sign(common, output, to),
        TicketTask::Verify => verify(common, output).await,
        TicketTask::Explain => explain(common, output),
    }
}

fn sign(common: &Common, output: Output, to: &Path) -> Outcome {
    let (keys, id) = (secrets::ring(&secrets::read(common)?)?, input()?);
    let ticket = CookieValue::encode(keys.express_sign(&id)).map_err(|error| Failure::because("the ticket", error))?;
    if !common.dry_run {
        let text = format!("{}\n", ticket.as_str());
        key_file::write_new(to, &text).map_err(|error| Failure::because("the file", error))?;
    }
    output.note("The ticket in the file opens the session: whoever can read it is logged in.");
    Ok(Exit::Done)
}

async fn verify(common: &Common, output: Output) -> Outcome {
    let secrets = secrets::read(common)?;
    let ticket = Ticket::read(&input()?);
    let secret = ticket.signed_by(&secrets)?;
    let mut verified = VerifiedJson { valid: secret.is_some(), secret, lives: None, handle: None };
    if let (Some(id), true) = (ticket.id(), verified.valid && common.store.is_some()) {
        let session = session_of(id, &Opened::of(common).await?, now()).await?;
        (verified.lives, verified.handle) = (Some(session.is_some()), session.flatten());
    }
    let words = match (verified.secret, verified.lives) {
        (None, _) => "not valid: none of the secrets has signed it".to_owned(),
        (Some(number), None) => format!("valid: signed by secret {number}"),
        (Some(number), Some(true)) => format!("valid: signed by secret {number}, and its session lives"),
        (Some(number), Some(false)) => format!("signed by secret {number}, but the store has no such session"),
    };
    output.either(words, &verified)?;
    Ok(match (verified.valid, verified.lives) {
        (false, _) => Exit::Found,
        (true, Some(false)) => Exit::Nothing,
        (true, _) => Exit::Done,
    })
}

/// Whether a session of this id lives, and its handle where the id tells it.
async fn session_of(id: &str, opened: &Opened, now: Timestamp) -> Outcome<Option<Option<String>>> {
    let named = Exported::of_id(id, Handle::new(""), Record::new(now, now, now));
    let named = named.map_err(|error| Failure::because("the ticket", error))?;
    if named.look_up_in(&*opened.store, now).await?.is_none() {
        return Ok(None);
    }
    // In the layouts of Express the handle is made of the id.
    let tells = opened.store.export().is_some_and(|export| export.names() == Names::Ids);
    let digits = named.digest().iter().take(16).map(|byte| format!("{byte:02x}")).collect();
    Ok(Some(tells.then_some(digits)))
}

fn explain(common: &Common, output: Output) -> Outcome {
    let raw = input()?;
    let ticket = Ticket::read(&raw);
    let id = ticket.id();
    let is_base64 = |id: &str| id.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'));
    let of_length = |length: usize| id.is_some_and(|id| id.len() == length && is_base64(id));
    let secrets = secrets::read(common).unwrap_or_default();
    let explained = ExplainedJson {
        characters: raw.len(),
        percent_encoded: ticket.text != raw,
        is_ticket: id.is_some(),
        id_characters: id.map(|id| id.chars().count()),
        like_cloakroom: of_length(43),
        like_express: of_length(32),
        secret: if secrets.is_empty() { None } else { ticket.signed_by(&secrets)? },
    };
    if output.json {
        output.value(&explained)?;
    } else {
        print(output, &explained, secrets.len())?;
    }
    Ok(if explained.is_ticket { Exit::Done } else { Exit::Found })
}

fn print(output: Output, explained: &ExplainedJson, secrets: usize) -> Outcome<()> {
    let encoded = if explained.percent_encoded { "percent-encoded, as in a cookie" } else { "not percent-encoded" };
    output.line(format!("{} characters, {encoded}", explained.characters))?;
    let Some(characters) = explained.id_characters else {
        return output.line("no ticket: it is not `s:`, an id, a dot and a signature of 43 characters");
    };
    let maker = match (explained.like_cloakroom, explained.like_express) {
        (true, _) => "as Cloakroom makes them: 256 bits in base64url",
        (_, true) => "as express-session makes them: 192 bits in base64url",
        (false, false) => "as neither Cloakroom nor express-session makes them by themselves",
    };
    output.line(format!("s:<id>.<signature>, with an id of {characters} characters, {maker}"))?;
    output.line(match (explained.secret, secrets) {
        (Some(number), _) => format!("signed by secret {number}"),
        (None, 0) => "who has signed it was not looked at: there are no secrets".to_owned(),
        (None, secrets) => format!("signed by none of {secrets} secrets"),
    })
}

/// A cookie's value, decoded.
struct Ticket {
    text: String,
}

impl Ticket {
    fn read(raw: &str) -> Ticket {
        Ticket { text: decode(raw.as_bytes()).into_owned() }
    }

    /// What is signed, if it has the form of a ticket.
    fn id(&self) -> Option<&str> {
        let (id, signature) = self.text.strip_prefix("s:")?.rsplit_once('.')?;
        let is_whole = STANDARD_NO_PAD.decode(signature).is_ok_and(|bytes| bytes.len() == 32);
        (is_whole && !id.is_empty()).then_some(id)
    }

    /// Which secret has signed it, from 1 on.
    fn signed_by(&self, secrets: &[String]) -> Outcome<Option<usize>> {
        for (number, secret) in (1..).zip(secrets) {
            let keys: KeyRing = secrets::ring(std::slice::from_ref(secret))?;
            if keys.express_unsign(&self.text).is_some_and(|id| !id.is_empty()) {
                return Ok(Some(number));
            }
        }
        Ok(None)
    }
}

/// The text on standard input, without `name=` if it is a whole cookie, and without the line's end.
fn input() -> Outcome<String> {
    let mut text = String::new();
    io::stdin().take(LONGEST).read_to_string(&mut text).map_err(|error| Failure::because("standard input", error))?;
    let text = text.trim();
    let is_bare = ["s:", "s%3A", "s%3a"].iter().any(|begin| text.starts_with(begin));
    let value = if is_bare { text } else { text.split_once('=').map_or(text, |(_, value)| value) };
    let text = value.split(';').next().unwrap_or_default().trim();
    if text.is_empty() { Err(Failure::usage("there is nothing on standard input")) } else { Ok(text.to_owned()) }
}
