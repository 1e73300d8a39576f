//! What happens to the sessions, by `NOTIFY`.
//!
//! A trigger tells of each row that changes, in the transaction that changes it, whoever does so. The server passes on what was
//! told in the order of the commits, to those who listen on a connection of their own. The marks take the same way, and only
//! while the trigger is there.

use std::fmt;
use std::future::poll_fn;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use cloakroom::record::Handle;
use cloakroom::store::{Feed, Listener, Name, News, StoreError, StoreErrorKind, StoreFuture, Token};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio_postgres::{AsyncMessage, Client, Error};

use crate::PostgresStore;
use crate::error::Call;
use crate::layout::column;
use crate::name::TableName;
use crate::setup::Setup;

/// So much waits for a listener at most. One that is slower has missed something; the server must not wait for it.
const WAITING: usize = 10_000;

/// How the trigger is looked for, and made. Of the schema of the table, where that is named.
pub(crate) fn setup(name: &TableName) -> Setup {
    let function = TableName { table: "cloakroom_feed".to_owned(), ..name.clone() };
    let told = |payload: &str| format!("PERFORM pg_notify('cloakroom_' || TG_RELID, {payload});");
    let begun = told("'k ' || NEW.handle || ' ' || encode(NEW.key, 'hex')");
    let steps = vec![
        format!(
            "CREATE OR REPLACE FUNCTION {function}() RETURNS trigger LANGUAGE plpgsql AS $feed$ BEGIN \
             IF TG_OP = 'TRUNCATE' THEN {all} \
             ELSIF TG_OP = 'DELETE' THEN {gone} \
             ELSIF TG_OP = 'INSERT' THEN {begun} \
             ELSIF NEW.key <> OLD.key OR NEW.handle <> OLD.handle THEN {begun} \
             ELSIF NEW.version <> OLD.version THEN {changed} \
             ELSE {touched} \
             END IF; RETURN NULL; END $feed$",
            all = told("'all'"),
            gone = told("'g ' || OLD.handle"),
            changed = told("'v ' || NEW.handle || ' ' || NEW.version"),
            touched = told("'t ' || NEW.handle"),
        ),
        format!(
            "CREATE TRIGGER cloakroom_feed AFTER INSERT OR UPDATE OR DELETE ON {name} FOR EACH ROW \
             EXECUTE FUNCTION {function}()"
        ),
        format!(
            "CREATE TRIGGER cloakroom_feed_all AFTER TRUNCATE ON {name} FOR EACH STATEMENT EXECUTE FUNCTION {function}()"
        ),
    ];
    let look =
        "SELECT EXISTS (SELECT FROM pg_trigger WHERE tgrelid = to_regclass($1::text) AND tgname = 'cloakroom_feed')";
    Setup::new(look.to_owned(), name.to_string(), steps)
}

/// The channel of the table, by its number: a table that was made anew is another one.
const CHANNEL: &str = "SELECT 'cloakroom_' || to_regclass($1::text)::oid";

/// Sends a mark to a listener, if there is a trigger that tells all.
const ECHO: &str = "SELECT pg_notify('cloakroom_' || tgrelid || '_' || $2::text, $3::text) FROM pg_trigger \
     WHERE tgrelid = to_regclass($1::text) AND tgname = 'cloakroom_feed' AND tgenabled IN ('O', 'A')";

impl Feed for PostgresStore {
    fn listen(&self, listener: u64) -> StoreFuture<'_, Box<dyn Listener>> {
        StoreFuture::new(self.server.within(self.listen_now(listener)))
    }

    fn echo(&self, listener: u64, mark: u64) -> StoreFuture<'_, ()> {
        StoreFuture::new(self.server.within(async move {
            let (table, listener, mark) = (self.name.to_string(), listener.to_string(), mark.to_string());
            Ok(self.execute(Call::Read, ECHO, &[&table, &listener, &mark]).await.map(drop)?)
        }))
    }
}

impl PostgresStore {
    async fn listen_now(&self, listener: u64) -> Result<Box<dyn Listener>, StoreError> {
        self.ensure_table().await?;
        let mut connection = self.server.connection().await?;
        // Looked for each time: the table may have been made anew.
        let feed = setup(&self.name);
        let feed = if self.makes_table { feed } else { feed.without() };
        feed.ensure(&mut connection).await?;
        let rows = connection.execute(CHANNEL, &[&self.name.to_string()]).await;
        let rows = rows.map_err(|error| Call::Read.failed(&error))?;
        let channel: Option<String> = rows.first().map_or(Ok(None), |row| column(row, 0, "channel"))?;
        let channel = channel.ok_or_else(|| StoreError::with_source(StoreErrorKind::Other, "there is no table"))?;
        let own = format!("{channel}_{listener}");
        let (client, ear) = self.server.hear().await?;
        client.batch_execute(&format!("LISTEN {channel}; LISTEN {own}")).await.map_err(not_heard)?;
        Ok(Box::new(Notified { own, ear, ready: None, _client: client }))
    }
}

fn not_heard(error: Error) -> StoreError {
    Call::Read.failed(&error)
}

/// What a connection of its own hears, one after the other.
pub(crate) struct Ear {
    heard: mpsc::Receiver<Result<(String, String), StoreError>>,
    has_missed: Arc<AtomicBool>,
    driven: JoinHandle<()>,
}

impl Ear {
    /// Drives a connection, and hears what is told on it.
    pub(crate) fn on<S, T>(mut connection: tokio_postgres::Connection<S, T>) -> Ear
    where
        S: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin + Send + 'static,
        T: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin + Send + 'static,
    {
        let (tell, heard) = mpsc::channel(WAITING);
        let has_missed = Arc::new(AtomicBool::new(false));
        let missed = has_missed.clone();
        let driven = tokio::spawn(async move {
            loop {
                let told = match poll_fn(|cx| connection.poll_message(cx)).await {
                    Some(Ok(AsyncMessage::Notification(told))) => {
                        Ok((told.channel().to_owned(), told.payload().to_owned()))
                    }
                    Some(Ok(_)) => continue,
                    Some(Err(error)) => Err(not_heard(error)),
                    None => return,
                };
                let is_over = told.is_err();
                match tell.try_send(told) {
                    Ok(()) => {}
                    Err(mpsc::error::TrySendError::Full(_)) => missed.store(true, Ordering::SeqCst),
                    Err(mpsc::error::TrySendError::Closed(_)) => return,
                }
                if is_over {
                    return;
                }
            }
        });
        Ear { heard, has_missed, driven }
    }
}

impl Drop for Ear {
    fn drop(&mut self) {
        self.driven.abort();
    }
}

/// A listener. It does not connect anew by itself: what is told meanwhile is not kept by the server.
struct Notified {
    /// The channel of its marks.
    own: String,
    ear: Ear,
    /// What one notification told beside what was given out.
    ready: Option<News>,
    /// The connection ends with it.
    _client: Client,
}

impl Notified {
    async fn next_now(&mut self) -> Result<News, StoreError> {
        if let Some(news) = self.ready.take() {
            return Ok(news);
        }
        if self.ear.has_missed.swap(false, Ordering::SeqCst) {
            return Ok(News::Gap);
        }
        match self.ear.heard.recv().await {
            Some(Ok((channel, payload))) if channel == self.own => Ok(payload.parse().map_or(News::Gap, News::Echo)),
            Some(Ok((_, payload))) => {
                let (news, more) = read(&payload).unwrap_or((News::Gap, None));
                self.ready = more;
                Ok(news)
            }
            Some(Err(error)) => Err(error),
            None => Err(StoreError::with_source(StoreErrorKind::Unavailable, "the connection of the feed is lost")),
        }
    }
}

/// What the trigger tells. What can't be understood may be anything.
fn read(payload: &str) -> Option<(News, Option<News>)> {
    let mut words = payload.split(' ');
    let kind = words.next()?;
    let handle = Name::Handle(Handle::new(words.next()?));
    Some(match (kind, words.next()) {
        ("g", None) => (News::Gone(handle), None),
        ("t", None) => (News::Changed(handle, None), None),
        ("v", Some(version)) => (News::Changed(handle, Some(Token::version(version.parse().ok()?))), None),
        ("k", Some(key)) => (News::Changed(handle, None), Some(News::Changed(Name::Key(digest(key)?), None))),
        _ => return None,
    })
}

/// 32 bytes in hex.
fn digest(hex: &str) -> Option<[u8; 32]> {
    let bytes: Option<Vec<u8>> =
        (0..hex.len()).step_by(2).map(|at| u8::from_str_radix(hex.get(at..at + 2)?, 16).ok()).collect();
    bytes?.try_into().ok()
}

impl Listener for Notified {
    fn next(&mut self) -> StoreFuture<'_, News> {
        StoreFuture::new(self.next_now())
    }
}

/// Neither the connection nor what it tells.
impl fmt::Debug for Notified {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Notified(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_trigger_tells_is_read() {
        let handle = Name::Handle(Handle::new("h"));
        assert_eq!(read("g h"), Some((News::Gone(handle.clone()), None)));
        assert_eq!(read("t h"), Some((News::Changed(handle.clone(), None), None)));
        assert_eq!(read("v h 12"), Some((News::Changed(handle.clone(), Some(Token::version(12))), None)));
        let key = News::Changed(Name::Key([0xa5; 32]), None);
        assert_eq!(read(&format!("k h {}", "a5".repeat(32))), Some((News::Changed(handle, None), Some(key))));
        for other in ["all", "", "g", "x h", "v h", "v h x", "k h", "k h a5", "k h é", "g h h"] {
            assert_eq!(read(other), None, "{other}");
        }
    }
}
