//! What came of a run, in one line.

use std::fmt;
use std::time::Duration;

use anyhow::{Result, bail};
use tokio::time::Instant;

use super::ledger::Ledger;

/// Within which the first good answer has to come after the server accepts writes again.
pub const RECOVERED_WITHIN: Duration = Duration::from_secs(1);

/// The same where the network swallowed what was sent. Nobody tells that it does so no longer, so a connection that waits in
/// vain has to be given up first, which takes a second, and another made, half a second later.
pub const HEARD_WITHIN: Duration = Duration::from_millis(2_000);

/// The figures of one fault run, and the rules that it broke.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Report {
    /// What was made to fail.
    pub fault: String,
    /// All requests, those included that do not touch their session.
    pub requests: u64,
    /// Answers of 200 to requests that need the store.
    pub acknowledged: u64,
    /// Answers of 503, and requests that were not answered since their application was killed.
    pub unknown: u64,
    /// Those of them for which not the store is to blame, but other clients of the session, which were always faster.
    pub contended: u64,
    /// The slowest answer to a request that needs the store.
    pub slowest: Duration,
    /// The slowest answer to a request that does not touch its session.
    pub slowest_untouched: Duration,
    /// Increments that were acknowledged and are not stored.
    pub lost: u64,
    /// From the beginning of the fault until the server accepted writes again.
    pub outage: Option<Duration>,
    /// From then until the first good answer.
    pub recovery: Option<Duration>,
    /// Within which that has to be.
    pub recovered_within: Duration,
    /// From then until the last 503 that was not for contention.
    pub settled: Option<Duration>,
    violations: Vec<String>,
}

impl Report {
    pub(super) fn of(fault: String, ledger: &Ledger, fell: Instant, back: Option<Instant>) -> Report {
        let recovery = back.and_then(|back| Some(ledger.first_good_after(back)? - back));
        Report {
            fault,
            requests: ledger.requests(),
            acknowledged: ledger.acknowledged(),
            unknown: ledger.unknown(),
            contended: ledger.contended(),
            slowest: ledger.slowest(),
            slowest_untouched: ledger.slowest_untouched(),
            lost: 0,
            outage: back.map(|back| back - fell),
            recovery,
            recovered_within: RECOVERED_WITHIN,
            settled: back.map(|back| ledger.last_refused_after(back).map_or(Duration::ZERO, |last| last - back)),
            violations: Vec::new(),
        }
    }

    pub(super) fn with(self, violations: Vec<String>) -> Report {
        Report { violations, ..self }
    }

    /// With another limit for the recovery.
    pub(super) fn recovered_within(self, recovered_within: Duration) -> Report {
        Report { recovered_within, ..self }
    }

    /// The rules that were broken, each in words.
    pub fn violations(&self) -> Vec<String> {
        let late = self.recovery.filter(|recovery| *recovery > self.recovered_within);
        let late = late.map(|recovery| format!("the first good answer came {recovery:?} after the database was back"));
        self.violations.iter().cloned().chain(late).collect()
    }

    /// Fails if a rule was broken.
    ///
    /// # Errors
    ///
    /// The figures, and each rule that was broken.
    pub fn check(&self) -> Result<()> {
        let violations = self.violations();
        if !violations.is_empty() {
            bail!("{self}\n  {}", violations.join("\n  "));
        }
        Ok(())
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ms = |duration: Option<Duration>| duration.map_or("-".to_owned(), |time| format!("{}", time.as_millis()));
        write!(
            f,
            "{:<34} {:>6} requests, {:>6} acknowledged, {:>5} times 503 ({} contended), {} lost; \
             slowest {:>4} ms ({:>3} ms without session); \
             down {:>5} ms, first good answer after {:>4} ms, last 503 after {:>4} ms; {} rules broken",
            self.fault,
            self.requests,
            self.acknowledged,
            self.unknown,
            self.contended,
            self.lost,
            self.slowest.as_millis(),
            self.slowest_untouched.as_millis(),
            ms(self.outage),
            ms(self.recovery),
            ms(self.settled),
            self.violations().len()
        )
    }
}
