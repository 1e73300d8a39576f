//! Work that goes on beside other work.

use std::future::Future;

/// Does it on whichever thread is free. A panic of it is one here, too.
pub(crate) async fn on_any_thread<T: Send + 'static>(work: impl Future<Output = T> + Send + 'static) -> T {
    match tokio::spawn(work).await {
        Ok(done) => done,
        Err(error) => std::panic::resume_unwind(error.into_panic()),
    }
}

#[cfg(test)]
mod tests {
    use super::on_any_thread;

    #[tokio::test]
    async fn what_comes_out_comes_back() {
        assert_eq!(on_any_thread(async { 7 }).await, 7);
        let panics = tokio::spawn(on_any_thread::<()>(async { panic!("on purpose") }));
        assert!(panics.await.is_err());
    }
}
