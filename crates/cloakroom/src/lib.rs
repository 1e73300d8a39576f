//! Sessions and cookies.

pub mod cookie;
