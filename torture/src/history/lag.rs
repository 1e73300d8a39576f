//! Reads that may show what was, where servers keep copies.

use std::time::Duration;

use super::operation::{Kind, Life, Operation};
use super::record::History;

/// Lets each load take place as much earlier as the servers may lag, but not before what its own server has last seen or
/// done of that session.
pub(super) fn allow(lives: &mut [Life], history: &History) {
    if history.lag.is_zero() {
        return;
    }
    let node = |operation: &Operation| history.exchanges.get(operation.exchange).map(|exchange| exchange.node);
    for life in lives {
        let over: Vec<_> = life.iter().map(|operation| (node(operation), operation.end())).collect();
        for operation in life.iter_mut().filter(|operation| matches!(operation.kind, Kind::Load(..))) {
            let own = node(operation);
            let of_own = over.iter().filter(|(node, end)| *node == own && *end < operation.span.start);
            let last = of_own.map(|(_, end)| *end).max().unwrap_or(0);
            operation.span.start = last.max(earliest(&history.moments, operation.span.start, history.lag));
        }
    }
}

/// The first number that is not longer ago than the lag. What ended before that was seen.
fn earliest(moments: &[Duration], start: u64, lag: Duration) -> u64 {
    let Some(now) = usize::try_from(start).ok().and_then(|start| moments.get(start)) else { return start };
    moments.partition_point(|moment| *moment + lag < *now) as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_load_is_at_most_so_much_earlier() {
        let moments = [0, 100, 100, 250, 300, 900].map(Duration::from_millis);
        let earliest = |start, lag| earliest(&moments, start, Duration::from_millis(lag));
        assert_eq!([earliest(4, 0), earliest(4, 50), earliest(4, 199), earliest(4, 200)], [4, 3, 3, 1]);
        assert_eq!([earliest(5, 500), earliest(5, 10_000), earliest(0, 1_000), earliest(6, 10)], [5, 0, 0, 6]);
    }
}
