//! What happens to sessions that Express writes too. The `_id` is the session's own, so that each event tells the key.

use cloakroom::store::{Feed, Listener, Name, News, StoreFuture};
use mongodb::bson::RawBsonRef;
use sha2::{Digest as _, Sha256};

use super::ExpressStore;
use super::document::DEAD;
use crate::feed::{Event, Telling, echo, listen};

const EXPRESS: Telling = Telling { fields: &[DEAD], news };

fn news(event: &Event<'_>) -> Vec<News> {
    // One of another type is none that a key leads to.
    let RawBsonRef::String(id) = event.id else { return Vec::new() };
    let name = Name::Key(Sha256::digest(id).into());
    let is_dead = matches!(event.field(DEAD), Some(RawBsonRef::Boolean(true)));
    vec![if event.is_end || is_dead { News::Gone(name) } else { News::Changed(name, None) }]
}

impl Feed for ExpressStore {
    fn listen(&self, listener: u64) -> StoreFuture<'_, Box<dyn Listener>> {
        StoreFuture::new(listen(&self.place, listener, EXPRESS))
    }

    fn echo(&self, listener: u64, mark: u64) -> StoreFuture<'_, ()> {
        StoreFuture::new(self.place.within(echo(&self.place, listener, mark)))
    }
}
