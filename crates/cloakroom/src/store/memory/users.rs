//! Whose records there are.

use std::collections::HashMap;

use super::slots::At;

/// The records of each user. Users may be chosen by anybody, and so their hashes are none that can be foreseen.
#[derive(Default)]
pub(super) struct Users(HashMap<Box<str>, Vec<At>>);

impl Users {
    pub(super) fn of(&self, user: &str) -> &[At] {
        self.0.get(user).map_or(&[], Vec::as_slice)
    }

    pub(super) fn add(&mut self, user: Option<&str>, at: At) {
        let Some(user) = user else { return };
        match self.0.get_mut(user) {
            Some(records) => records.push(at),
            None => drop(self.0.insert(user.into(), vec![at])),
        }
    }

    pub(super) fn remove(&mut self, user: Option<&str>, at: At) {
        let Some((user, records)) = user.and_then(|user| Some((user, self.0.get_mut(user)?))) else { return };
        if let Some(place) = records.iter().position(|each| *each == at) {
            records.swap_remove(place);
        }
        if records.is_empty() {
            self.0.remove(user);
        }
    }

    #[cfg(test)]
    pub(super) fn count(&self) -> usize {
        self.0.len()
    }
}
