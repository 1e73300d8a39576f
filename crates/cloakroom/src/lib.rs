//! Sessions and cookies.

mod clock;
pub mod record;
pub mod store;

pub use clock::{Clock, Timestamp};
pub use record::UserId;
