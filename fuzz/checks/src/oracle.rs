//! The same things once more, as simply as they can be written: what the checks compare with.

pub(crate) mod browser;
pub(crate) mod express;
pub(crate) mod json;
pub(crate) mod mac;
