//! A figure over several rounds.

/// A figure, measured once in each round.
#[derive(Clone, Debug, Default)]
pub struct Rounds(Vec<f64>);

impl Rounds {
    /// The one of the middle, which what else the machine did in one round does not move; 0 without rounds.
    pub fn median(&self) -> f64 {
        let mut sorted = self.0.clone();
        sorted.sort_by(f64::total_cmp);
        sorted.get(sorted.len() / 2).copied().unwrap_or_default()
    }

    /// The lowest and the highest.
    pub fn range(&self) -> (f64, f64) {
        let lowest = self.0.iter().copied().fold(f64::INFINITY, f64::min);
        (lowest, self.0.iter().copied().fold(f64::NEG_INFINITY, f64::max))
    }

    /// The same figure of others, round by round, and what becomes of the two.
    pub fn with(&self, other: &Rounds, what: impl Fn(f64, f64) -> f64) -> Rounds {
        self.0.iter().zip(&other.0).map(|(one, other)| what(*one, *other)).collect()
    }
}

impl FromIterator<f64> for Rounds {
    fn from_iter<I: IntoIterator<Item = f64>>(figures: I) -> Rounds {
        Rounds(figures.into_iter().collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_round_does_not_move_the_median() {
        let rounds: Rounds = [3.0, 1.0, 1000.0].into_iter().collect();
        assert_eq!((rounds.median(), rounds.range()), (3.0, (1.0, 1000.0)));
        let bare: Rounds = [1.0, 1.0, 500.0].into_iter().collect();
        assert_eq!(rounds.with(&bare, |one, bare| one / bare).median(), 2.0);
    }
}
