//! What the middleware costs.
fn main() {}
