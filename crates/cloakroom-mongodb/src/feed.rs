//! What happens to the sessions, by the server's change streams.
//!
//! A change stream shows the changes of a majority of the servers, in the order of the oplog. The marks are written to
//! another collection of the same database and come by the same stream, so they are behind what was confirmed before, and a
//! primary that was cut off can't send any.

use std::fmt;
use std::future::poll_fn;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use cloakroom::record::Handle;
use cloakroom::store::{Feed, Listener, Name, News, StoreError, StoreFuture, Token};
use futures_util::Stream as _;
use mongodb::bson::{RawBsonRef, RawDocument, RawDocumentBuf, doc};
use mongodb::options::{Acknowledgment, ReadConcern, ReadPreference, SelectionCriteria, WriteConcern};
use mongodb::{Collection, Cursor};

use crate::MongoStore;
use crate::error::{self, Call};
use crate::index::garbage;
use crate::layout;
use crate::place::Place;
use crate::style::Style;

/// The number of the last mark.
const MARK: &str = "n";
/// When it was sent, by the server's clock.
const SENT: &str = "at";
/// What is left of a listener that is no more is garbage after this time.
const FORGOTTEN: Duration = Duration::from_secs(60 * 60);
/// How long the server waits for news before it says that there are none.
const AWAIT: Duration = Duration::from_secs(1);

/// What of an event tells which session it is about, in one layout.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Telling {
    /// The fields of a document, whole or changed, that are needed.
    pub(crate) fields: &'static [&'static str],
    /// What an event tells.
    pub(crate) news: fn(&Event<'_>) -> Vec<News>,
}

/// A change of one document.
pub(crate) struct Event<'a> {
    pub(crate) is_end: bool,
    /// Its `_id`.
    pub(crate) id: RawBsonRef<'a>,
    /// The fields that are told, of the whole document or of those that were changed.
    pub(crate) fields: Option<&'a RawDocument>,
    /// Whether the fields are those of the whole document.
    pub(crate) is_whole: bool,
}

impl<'a> Event<'a> {
    pub(crate) fn field(&self, name: &str) -> Option<RawBsonRef<'a>> {
        self.fields.and_then(|fields| fields.get(name).ok().flatten())
    }
}

/// The native layout: the handle is the `_id`, which each event has, and the key is told where it is new.
const NATIVE: Telling = Telling { fields: &[layout::KEY, layout::VERSION], news: native };

fn native(event: &Event<'_>) -> Vec<News> {
    // One of another type is none that the store finds.
    let RawBsonRef::ObjectId(id) = event.id else { return Vec::new() };
    let handle = Name::Handle(Handle::new(id.to_hex()));
    if event.is_end {
        return vec![News::Gone(handle)];
    }
    let key = match event.field(layout::KEY) {
        Some(RawBsonRef::Binary(key)) => <[u8; 32]>::try_from(key.bytes).ok(),
        _ => None,
    };
    match key {
        // It begins, or was given another key.
        Some(key) => vec![News::Changed(handle, None), News::Changed(Name::Key(key), None)],
        None if event.is_whole => vec![News::Changed(handle, None)],
        None => {
            let version = event.field(layout::VERSION).and_then(|version| Style::Native.integer(version));
            vec![News::Changed(handle, version.map(Token::version))]
        }
    }
}

impl Feed for MongoStore {
    fn listen(&self, listener: u64) -> StoreFuture<'_, Box<dyn Listener>> {
        StoreFuture::new(listen(&self.place, listener, NATIVE))
    }

    fn echo(&self, listener: u64, mark: u64) -> StoreFuture<'_, ()> {
        StoreFuture::new(self.place.within(echo(&self.place, listener, mark)))
    }
}

/// Opens a change stream.
pub(crate) async fn listen(place: &Place, listener: u64, telling: Telling) -> Result<Box<dyn Listener>, StoreError> {
    // What is read from a secondary may be older than what the feed has told, and would be kept.
    match place.documents.selection_criteria() {
        None | Some(SelectionCriteria::ReadPreference(ReadPreference::Primary)) => {}
        Some(_) => return Err(error::no_feed("sessions are read from secondaries, which lag behind it")),
    }
    let watch = Watch { place: place.clone(), listener, telling };
    let cursor = place.within(watch.begin()).await?;
    Ok(Box::new(ChangeStream { watch, cursor: Some(cursor), ready: Vec::new() }))
}

/// Writes a mark where the listener's stream sees it. A majority has to have it before that, so there is nothing to wait for.
pub(crate) async fn echo(place: &Place, listener: u64, mark: u64) -> Result<(), StoreError> {
    let marks = doc! { "$set": { MARK: number(mark) }, "$currentDate": { SENT: true } };
    let collection = marks_of(place);
    let write = collection.update_one(doc! { "_id": number(listener) }, marks).upsert(true);
    let concern = WriteConcern::builder().w(Acknowledgment::Nodes(1)).build();
    write.write_concern(concern).await.map(drop).map_err(|error| Call::Write.failed(&error))
}

/// The collection of the marks.
fn marks_of(place: &Place) -> Collection<RawDocumentBuf> {
    place.database.collection(&marks_name(place))
}

fn marks_name(place: &Place) -> String {
    format!("{}.marks", place.documents.name())
}

/// BSON knows no unsigned numbers; all that counts is that they are different.
fn number(number: u64) -> i64 {
    number.cast_signed()
}

/// A change stream over the sessions and the marks of one listener.
///
/// It is a plain cursor and does not resume by itself: what is missed when it breaks is told as a gap. Events alone would
/// not do there. An election can take back what was read before it, and that is no event.
struct ChangeStream {
    watch: Watch,
    cursor: Option<Cursor<RawDocumentBuf>>,
    /// The last comes first.
    ready: Vec<News>,
}

/// What is listened to.
struct Watch {
    place: Place,
    listener: u64,
    telling: Telling,
}

impl Watch {
    async fn begin(&self) -> Result<Cursor<RawDocumentBuf>, StoreError> {
        let marks = marks_of(&self.place);
        marks.create_index(garbage(SENT, FORGOTTEN)).await.map_err(|error| Call::Read.failed(&error))?;
        self.cursor().await
    }

    async fn cursor(&self) -> Result<Cursor<RawDocumentBuf>, StoreError> {
        let sessions = self.place.documents.name();
        let of_sessions = doc! { "ns.coll": sessions };
        let of_marks = doc! { "ns.coll": marks_name(&self.place), "documentKey._id": number(self.listener) };
        // Another collection that takes the place of this one is told under its own name.
        let of_another = doc! { "to.coll": sessions };
        let of_all = doc! { "operationType": { "$in": ["dropDatabase", "invalidate"] } };
        let mut shown = doc! { "operationType": 1, "ns.coll": 1, "documentKey._id": 1 };
        for field in self.telling.fields.iter().chain(&[MARK]) {
            shown.insert(format!("fullDocument.{field}"), 1);
            shown.insert(format!("updateDescription.updatedFields.{field}"), 1);
        }
        let pipeline = [
            doc! { "$changeStream": {} },
            doc! { "$match": { "$or": [of_sessions, of_marks, of_another, of_all] } },
            doc! { "$project": shown },
        ];
        let watch = self.place.database.aggregate(pipeline).max_await_time(AWAIT);
        let watch = watch.read_concern(ReadConcern::majority());
        let watch = watch.selection_criteria(SelectionCriteria::ReadPreference(ReadPreference::Primary));
        watch.with_type().await.map_err(|error| {
            if error::is_no_replica_set(&error) {
                error::no_feed("only a replica set has change streams")
            } else {
                Call::Read.failed(&error)
            }
        })
    }

    /// What an event tells. One that can't be understood may be anything.
    fn read(&self, event: &RawDocument) -> Vec<News> {
        self.understood(event).unwrap_or_else(|| vec![News::Gap])
    }

    fn understood(&self, event: &RawDocument) -> Option<Vec<News>> {
        let operation = event.get_str("operationType").ok()?;
        let is_end = match operation {
            "insert" | "update" | "replace" => false,
            "delete" => true,
            // What is told of an index, or that the collection was made.
            "create" | "createIndexes" | "dropIndexes" | "modify" | "shardCollection" => return Some(Vec::new()),
            _ => return None,
        };
        let id = event.get_document("documentKey").ok()?.get("_id").ok()??;
        let whole = event.get_document("fullDocument").ok();
        let changed = event.get_document("updateDescription").ok();
        let changed = changed.and_then(|changed| changed.get_document("updatedFields").ok());
        if event.get_document("ns").ok()?.get_str("coll").ok()? != self.place.documents.name() {
            let fields = whole.or(changed);
            let mark = fields.and_then(|fields| fields.get_i64(MARK).ok());
            // The mark of one that is no more was removed.
            return Some(mark.map(|mark| News::Echo(mark.cast_unsigned())).into_iter().collect());
        }
        Some((self.telling.news)(&Event { is_end, id, fields: whole.or(changed), is_whole: whole.is_some() }))
    }
}

impl ChangeStream {
    async fn next_now(&mut self) -> Result<News, StoreError> {
        loop {
            if let Some(news) = self.ready.pop() {
                return Ok(news);
            }
            let Some(cursor) = &mut self.cursor else {
                self.cursor = Some(self.watch.place.within(self.watch.cursor()).await?);
                return Ok(News::Gap);
            };
            // By polling, since a batch that is on its way stays with the cursor if nobody waits for it any more.
            let next = poll_fn(|cx: &mut Context<'_>| -> Poll<_> { Pin::new(&mut *cursor).poll_next(cx) });
            match next.await {
                Some(Ok(event)) => {
                    self.ready = self.watch.read(&event);
                    self.ready.reverse();
                }
                Some(Err(error)) => {
                    self.cursor = None;
                    return Err(Call::Read.failed(&error));
                }
                None => self.cursor = None,
            }
        }
    }
}

impl Listener for ChangeStream {
    fn next(&mut self) -> StoreFuture<'_, News> {
        StoreFuture::new(self.next_now())
    }
}

impl fmt::Debug for ChangeStream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ChangeStream").field("namespace", &self.watch.place.namespace()).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use mongodb::bson::{Binary, Bson, Document, oid::ObjectId, spec::BinarySubtype};

    use super::*;

    fn news(is_end: bool, id: &Bson, fields: Option<Document>, is_whole: bool) -> Vec<News> {
        let document = RawDocumentBuf::try_from(&doc! { "id": id, "fields": fields }).unwrap();
        let fields = document.get_document("fields").ok();
        native(&Event { is_end, id: document.get("id").unwrap().unwrap(), fields, is_whole })
    }

    #[test]
    fn an_event_tells_what_a_copy_is_found_by() {
        let id = ObjectId::new();
        let (handle, id) = (Name::Handle(Handle::new(id.to_hex())), Bson::from(id));
        let key = Bson::Binary(Binary { subtype: BinarySubtype::Generic, bytes: vec![7; 32] });
        let begun = [News::Changed(handle.clone(), None), News::Changed(Name::Key([7; 32]), None)];
        assert_eq!(news(false, &id, Some(doc! { "k": &key, "v": 1_i64 }), true), begun);
        assert_eq!(news(false, &id, Some(doc! { "k": &key, "v": 5_i64 }), false), begun, "a rotation has no token");
        assert_eq!(news(true, &id, None, false), [News::Gone(handle.clone())]);
        assert_eq!(news(false, &id, Some(doc! {}), false), [News::Changed(handle.clone(), None)]);
        let changed = News::Changed(handle, Some(Token::version(5)));
        assert_eq!(news(false, &id, Some(doc! { "v": 5_i64 }), false), [changed]);
        assert!(news(true, &"what is no session".into(), None, false).is_empty());
    }
}
