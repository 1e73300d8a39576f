//! `doctor`: what is wrong with a store, or with the sessions of a web application.

mod browser;
mod cookie;
mod entropy;
mod exam;
mod pages;
mod store;
mod web;

use cloakroom::store::{Finding, Verdict};
use serde::Serialize;

use crate::arguments::{Common, Doctor};
use crate::failure::{Exit, Outcome};
use crate::output::{Output, table};

#[derive(Serialize)]
struct FindingJson<'a> {
    subject: &'a str,
    /// `good`, `note`, `unknown`, `weak` or `bad`.
    verdict: &'static str,
    evidence: &'a str,
    advice: Option<&'a str>,
}

pub(crate) async fn doctor(common: &Common, output: Output, task: &Doctor) -> Outcome {
    let findings = match &task.page {
        Some(page) => web::examine(page, task).await?,
        None => store::examine(common).await?,
    };
    tell(output, &findings)?;
    let is_bad = findings.iter().any(|finding| finding.verdict == Verdict::Bad);
    Ok(if is_bad { Exit::Found } else { Exit::Done })
}

fn word(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Good => "good",
        Verdict::Note => "note",
        Verdict::Unknown => "unknown",
        Verdict::Weak => "weak",
        Verdict::Bad => "bad",
    }
}

fn tell(output: Output, findings: &[Finding]) -> Outcome<()> {
    if output.json {
        return findings.iter().try_for_each(|finding| {
            output.value(&FindingJson {
                subject: &finding.subject,
                verdict: word(finding.verdict),
                evidence: &finding.evidence,
                advice: finding.advice.as_deref(),
            })
        });
    }
    let row = |finding: &Finding| {
        vec![word(finding.verdict).to_owned(), finding.subject.to_string(), finding.evidence.clone()]
    };
    table(output, &["VERDICT", "SUBJECT", "EVIDENCE"], &findings.iter().map(row).collect::<Vec<_>>())?;
    let advised: Vec<_> = findings.iter().filter_map(|finding| Some((finding, finding.advice.as_ref()?))).collect();
    if !advised.is_empty() {
        output.line("")?;
    }
    advised.into_iter().try_for_each(|(finding, advice)| output.line(format!("{}: {advice}.", finding.subject)))
}
