//! Values of a given size.

use std::sync::atomic::{AtomicU64, Ordering};

/// A text of that many bytes, another one each time: what is already so is no write to some.
pub(crate) fn of(bytes: usize) -> String {
    static NUMBER: AtomicU64 = AtomicU64::new(0);
    let mut text = NUMBER.fetch_add(1, Ordering::Relaxed).to_string();
    text.push_str(&"x".repeat(bytes.saturating_sub(text.len())));
    text
}
