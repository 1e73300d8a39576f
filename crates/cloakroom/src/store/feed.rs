//! What happens to sessions, for those who keep copies of them.

use std::fmt;

use super::{StoreFuture, Token};
use crate::record::Handle;

/// Tells what happens to the sessions of a store, whoever does it and on whichever server.
///
/// It is for caches: what is told takes an entry out of them, and adds nothing to it. So it may tell too much, and never
/// too little.
pub trait Feed: fmt::Debug + Send + Sync {
    /// Begins to listen, under a number that no other listener of the store has: draw it at random, and anew each time.
    ///
    /// Whatever is confirmed after the answer is told.
    fn listen(&self, listener: u64) -> StoreFuture<'_, Box<dyn Listener>>;

    /// Sends a mark to a listener, by the very way that the news take: what was confirmed before this call is told before
    /// [`News::Echo`] with the mark is.
    ///
    /// So an echo proves that a listener knows all that was confirmed before the mark was sent; and where none comes, nothing is
    /// proved. The answer only says that the mark is on its way.
    fn echo(&self, listener: u64, mark: u64) -> StoreFuture<'_, ()>;
}

/// Hears the news of a store, one after the other.
pub trait Listener: fmt::Debug + Send {
    /// Waits for what is next. If the future is dropped, nothing is lost.
    ///
    /// An error tells that nothing is heard at the moment. Who asks again then either hears [`News::Gap`] first, or the error again:
    /// it is never wrong to [`listen`](Feed::listen) anew instead.
    fn next(&mut self) -> StoreFuture<'_, News>;
}

/// What a listener hears. Of one session it comes in the order in which it happened.
#[derive(Clone, Debug, PartialEq)]
pub enum News {
    /// A session has ended: it was destroyed, revoked, swept or evicted. Where another key of its own or its handle
    /// finds it still, as after a rotation, that is told as a change. A store that can't tell an end from a change tells a change.
    Gone(Name),
    /// A session has begun, has changed, was touched, or was given another key; then that is told of both keys.
    ///
    /// The token is that of the state after the change, where the store can tell; none of a touch and of a change of the
    /// key. A copy in that state or a later one, by the [version](Token::as_version), is still right.
    Changed(Name, Option<Token>),
    /// A mark that was sent to this listener. All that was confirmed before it was sent has been told.
    Echo(u64),
    /// Something may have happened that was not told.
    Gap,
}

/// Which session the news are about: a store tells what it knows. A copy has to be found by either.
#[derive(Clone, PartialEq, Eq, Hash)]
pub enum Name {
    /// The one with a key of this [digest](crate::record::StoreKey::digest).
    Key([u8; 32]),
    /// The one with this handle, whatever its key.
    Handle(Handle),
}

/// A handle is public; a digest is nobody's business.
impl fmt::Debug for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Name::Key(_) => f.write_str("Key(…)"),
            Name::Handle(handle) => f.debug_tuple("Handle").field(handle).finish(),
        }
    }
}
