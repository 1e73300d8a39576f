//! Sessions and cookies.
