//! What the reference server and the cookie adapter are made of; a library so that tests and benchmarks can call it too.

mod routes;

mod settings;

mod attributes;

pub mod adapter;

pub use routes::router;
pub use settings::Settings;
