//! What the reference server and the cookie adapter are made of, and what the comparison with others needs; a library so that
//! tests and benchmarks can call it too.

mod routes;

mod settings;

mod attributes;

pub mod adapter;

pub mod figures;
pub mod load;
pub mod servers;

pub mod database;
pub mod measure;

pub use routes::router;
pub use settings::Settings;

#[cfg(doctest)]
#[doc = include_str!("../../docs/scaling.md")]
pub struct Scaling;
