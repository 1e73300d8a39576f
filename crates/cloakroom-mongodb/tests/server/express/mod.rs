//! The layouts of Express' session stores.

mod conformance;
