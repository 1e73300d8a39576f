//! Sessions shared with Express: the layouts of its stores.

mod crypto;

pub use crypto::{WebCrypto, WebCryptoEncoding, WebCryptoError, WebCryptoOptions};
