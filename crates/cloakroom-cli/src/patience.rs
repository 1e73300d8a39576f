//! A store that is away for a moment is asked again: who works through all sessions does not give up at the first of them.

use std::future::Future;
use std::time::Duration;

use cloakroom::store::{StoreError, StoreErrorKind};

const ATTEMPTS: u32 = 5;
/// The first pause; each is twice as long as the one before.
const PAUSE: Duration = Duration::from_millis(200);

/// Asks, and asks again. Only for what may be done twice: a look, a sweep, an import that overwrites nothing, a move.
pub(crate) async fn patiently<T, F>(mut call: impl FnMut() -> F) -> Result<T, StoreError>
where
    F: Future<Output = Result<T, StoreError>>,
{
    for attempt in 1..ATTEMPTS {
        match call().await {
            Err(error) if is_passing(&error) => tokio::time::sleep(PAUSE * 2_u32.pow(attempt - 1)).await,
            answer => return answer,
        }
    }
    call().await
}

fn is_passing(error: &StoreError) -> bool {
    matches!(error.kind(), StoreErrorKind::Unavailable | StoreErrorKind::Timeout)
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn what_passes_is_asked_again_and_what_does_not_is_not() {
        for (kind, fails, asked, is_ok) in [
            (StoreErrorKind::Timeout, 4, 5, true),
            (StoreErrorKind::Unavailable, 9, 5, false),
            (StoreErrorKind::Corrupt, 1, 1, false),
        ] {
            let calls = Cell::new(0);
            let answer = patiently(|| {
                calls.set(calls.get() + 1);
                let is_late = calls.get() > fails;
                async move { if is_late { Ok(()) } else { Err(StoreError::new(kind)) } }
            });
            assert_eq!((answer.await.is_ok(), calls.get()), (is_ok, asked), "{kind:?}");
        }
    }
}
