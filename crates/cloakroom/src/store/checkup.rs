//! What a store finds when it looks at its own settings.

use std::borrow::Cow;

/// One thing that a store has looked at for [`Store::checkup`](super::Store::checkup).
///
/// ```
/// use cloakroom::store::{Finding, Verdict};
///
/// let finding = Finding::new("fsync", Verdict::Bad, "off").advise("set fsync = on: a power cut may lose the table");
/// assert!(finding.verdict > Verdict::Good && finding.advice.is_some());
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Finding {
    /// What was looked at, in the database's own word.
    pub subject: Cow<'static, str>,
    /// How it is.
    pub verdict: Verdict,
    /// What was seen. It names no id, no value of a session and no secret.
    pub evidence: String,
    /// What is to be done, if anything is.
    pub advice: Option<Cow<'static, str>>,
}

/// How something is, from good to bad.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Verdict {
    /// As it has to be.
    Good,
    /// To be known.
    Note,
    /// It could not be looked at, for want of a right or of an answer.
    Unknown,
    /// It costs space, time or a guarantee that not everybody needs.
    Weak,
    /// A guarantee of the store does not hold.
    Bad,
}

impl Finding {
    /// A finding without advice.
    pub fn new(subject: impl Into<Cow<'static, str>>, verdict: Verdict, evidence: impl Into<String>) -> Finding {
        Finding { subject: subject.into(), verdict, evidence: evidence.into(), advice: None }
    }

    /// With what is to be done.
    #[must_use]
    pub fn advise(self, advice: impl Into<Cow<'static, str>>) -> Finding {
        Finding { advice: Some(advice.into()), ..self }
    }

    /// Good if it is so, and otherwise this verdict with this advice.
    pub fn judge(
        subject: impl Into<Cow<'static, str>>,
        is_good: bool,
        otherwise: Verdict,
        evidence: impl Into<String>,
        advice: impl Into<Cow<'static, str>>,
    ) -> Finding {
        if is_good {
            Finding::new(subject, Verdict::Good, evidence)
        } else {
            Finding::new(subject, otherwise, evidence).advise(advice)
        }
    }
}
