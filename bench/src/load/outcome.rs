//! What came of a load.

use std::time::Duration;

/// What came of a load. All answers were 200.
#[derive(Debug)]
pub struct Outcome {
    taken: Duration,
    /// In ascending order.
    latencies: Vec<Duration>,
    set_cookies: usize,
    last: String,
}

impl Outcome {
    pub(crate) fn new(taken: Duration, mut latencies: Vec<Duration>, set_cookies: usize, last: String) -> Outcome {
        latencies.sort_unstable();
        Outcome { taken, latencies, set_cookies, last }
    }

    /// How many requests were answered.
    pub fn requests(&self) -> usize {
        self.latencies.len()
    }

    /// How long it took.
    pub fn taken(&self) -> Duration {
        self.taken
    }

    /// Requests in a second.
    pub fn rate(&self) -> f64 {
        self.requests() as f64 / self.taken.as_secs_f64()
    }

    /// The time that so many hundredths of the requests took at most; 50 for the median.
    pub fn percentile(&self, hundredths: usize) -> Duration {
        let index = (self.latencies.len() * hundredths).div_ceil(100).saturating_sub(1);
        self.latencies.get(index).copied().unwrap_or_default()
    }

    /// How many answers set a cookie.
    pub fn set_cookies(&self) -> usize {
        self.set_cookies
    }

    /// The body of the last answer.
    pub fn last(&self) -> &str {
        &self.last
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_times_that_were_taken() {
        let latencies = (1..=200).rev().map(Duration::from_micros).collect();
        let outcome = Outcome::new(Duration::from_secs(2), latencies, 0, String::new());
        assert_eq!(
            (outcome.percentile(50), outcome.percentile(99)),
            (Duration::from_micros(100), Duration::from_micros(198))
        );
        assert!((outcome.rate() - 100.0).abs() < 1e-9);
        let none = Outcome::new(Duration::from_secs(1), Vec::new(), 0, String::new());
        assert_eq!(none.percentile(99), Duration::ZERO);
    }
}
