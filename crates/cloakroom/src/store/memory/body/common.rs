//! What many records have in common.

use std::sync::Arc;

use crate::record::Data;

/// What is handed out many times and kept once: no data, and the keys that came up last.
#[derive(Default)]
pub(in super::super) struct Common {
    nothing: Arc<Data>,
    keys: Vec<Option<Arc<str>>>,
}

/// An application has few keys. Two that share a place take turns in it.
const PLACES: usize = 64;

impl Common {
    pub(in super::super) fn nothing(&self) -> Arc<Data> {
        self.nothing.clone()
    }

    pub(super) fn key(&mut self, text: &str) -> Arc<str> {
        self.keys.resize(PLACES, None);
        let sum = text.bytes().fold(0_usize, |sum, byte| sum.wrapping_mul(31).wrapping_add(byte.into()));
        let place = &mut self.keys[sum % PLACES];
        match place {
            Some(key) if **key == *text => key.clone(),
            _ => place.insert(text.into()).clone(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_itself_whoever_had_its_place() {
        let mut common = Common::default();
        for _ in 0..2 {
            for number in 0..500 {
                let text = format!("key {number}");
                assert_eq!(*common.key(&text), text);
            }
        }
        assert!(Arc::ptr_eq(&common.key("n"), &common.key("n")));
    }
}
