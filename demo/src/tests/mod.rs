//! The whole shop, as its visitors see it: requests go through all layers, and only the network is left out.

mod cart;
mod client;
mod cookies;
mod log_in;
mod outside;
mod sessions;
mod stores;
