//! HMAC (RFC 2104), HKDF (RFC 5869) and base64 (RFC 4648) from nothing but SHA-256.

use sha2::{Digest as _, Sha256};

pub(crate) const STANDARD: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
pub(crate) const URL_SAFE: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

pub(crate) fn hmac(key: &[u8], message: &[u8]) -> [u8; 32] {
    let mut block = [0; 64];
    if key.len() > block.len() {
        block[..32].copy_from_slice(&Sha256::digest(key));
    } else {
        block[..key.len()].copy_from_slice(key);
    }
    let inner = Sha256::digest([&block.map(|byte| byte ^ 0x36), message].concat());
    Sha256::digest([block.map(|byte| byte ^ 0x5c).as_slice(), &inner].concat()).into()
}

/// One block of HKDF without a salt.
pub(crate) fn derive(secret: &[u8], info: &[u8]) -> [u8; 32] {
    hmac(&hmac(&[0; 32], secret), &[info, &[1]].concat())
}

/// Base64 without padding.
pub(crate) fn base64(bytes: &[u8], alphabet: &[u8; 64]) -> String {
    let mut text = String::new();
    for chunk in bytes.chunks(3) {
        let bits = chunk.iter().fold(0_usize, |bits, byte| bits << 8 | usize::from(*byte)) << (8 * (3 - chunk.len()));
        for number in 0..=chunk.len() {
            text.push(alphabet[bits >> (18 - 6 * number) & 63].into());
        }
    }
    text
}

/// The bytes that [`base64`] would write so.
pub(crate) fn unbase64(text: &[u8], alphabet: &[u8; 64]) -> Option<Vec<u8>> {
    let mut bytes = Vec::new();
    for chunk in text.chunks(4) {
        let mut bits = 0;
        for letter in chunk {
            bits = bits << 6 | alphabet.iter().position(|each| each == letter)?;
        }
        bits <<= 6 * (4 - chunk.len());
        bytes.extend((1..chunk.len()).map(|number| u8::try_from(bits >> (24 - 8 * number) & 255).unwrap_or(0)));
    }
    // Only one text stands for some bytes: those with other bits at the end don't count, nor does a letter alone.
    (base64(&bytes, alphabet).as_bytes() == text).then_some(bytes)
}
