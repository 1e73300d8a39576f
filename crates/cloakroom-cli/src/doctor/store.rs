//! A store from inside: whether it answers, and what it finds about its own settings.

use std::time::Instant;

use cloakroom::record::StoreKey;
use cloakroom::store::{Finding, Loaded, Names, Verdict};

use crate::arguments::Common;
use crate::failure::{Failure, Outcome};
use crate::store::Opened;
use crate::times::now;

pub(crate) async fn examine(common: &Common) -> Outcome<Vec<Finding>> {
    let opened = Opened::of(common).await?;
    let mut findings = vec![reach(&opened).await?, names(&opened)];
    findings.extend(opened.store.checkup().await?);
    Ok(findings)
}

/// Asks for a session that nobody has.
async fn reach(opened: &Opened) -> Outcome<Finding> {
    let key = StoreKey::generate().map_err(|error| Failure::because("a key", error))?;
    let start = Instant::now();
    match opened.store.load(&key, now()).await? {
        Loaded::Missing => {
            let words = format!("{} answers in {:.1} ms", opened.kind, start.elapsed().as_secs_f64() * 1_000.0);
            Ok(Finding::new("reach", Verdict::Good, words))
        }
        Loaded::Found(_) | Loaded::Superseded => {
            Ok(Finding::new("reach", Verdict::Bad, "the store finds a session that nobody has made"))
        }
    }
}

fn names(opened: &Opened) -> Finding {
    match opened.store.export().map(cloakroom::store::Export::names) {
        Some(Names::Digests) => Finding::new("session ids", Verdict::Good, "kept as SHA-256 only"),
        Some(Names::Ids) => Finding::new("session ids", Verdict::Weak, "kept in plain, as Express does").advise(
            "who can read the store has the sessions; `cloakroom migrate` moves them to a store that keeps hashes",
        ),
        None => Finding::new("session ids", Verdict::Unknown, "the store does not tell"),
    }
}
