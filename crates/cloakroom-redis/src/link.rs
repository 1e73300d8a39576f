//! One connection to one server, made when it is needed and made anew when it was lost.

use std::fmt;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, LazyLock, Mutex, PoisonError};
use std::time::{Duration, Instant};

use cloakroom::store::StoreError;
use redis::aio::MultiplexedConnection;
use redis::{
    AsyncConnectionConfig, Client, ConnectionInfo, Pipeline, ProtocolVersion, PushInfo, PushKind, RedisError,
    RedisResult, Value,
};
use tokio::sync::OnceCell;

use crate::error::{self, Call, Failure};

/// Less than the deadline, so that "no server" is told from "no answer": the first is known to have changed nothing.
const CONNECT: Duration = Duration::from_millis(1_500);

/// A connection on which calls wait and nothing was heard for so long is given up.
const SILENCE: Duration = Duration::from_secs(1);

/// So many calls may wait to be written.
const QUEUE: usize = 1_024;

/// Carries the calls of all clones of a store, one behind the other and without waiting for each other's answers.
pub(crate) struct Link {
    client: Client,
    line: Mutex<Option<Arc<Line>>>,
}

/// A connection, perhaps still to be made.
struct Line {
    connection: OnceCell<RedisResult<MultiplexedConnection>>,
    is_closed: Arc<AtomicBool>,
    /// Since when a call waits and nothing was heard, for any; 0 if none does.
    waiting_since: AtomicU64,
}

impl Link {
    /// A link that connects by these settings, but by RESP3: only by that does the driver tell when a connection ends.
    pub(crate) fn new(info: &ConnectionInfo) -> RedisResult<Link> {
        let settings = info.redis_settings().clone().set_protocol(ProtocolVersion::RESP3);
        let tcp = info.tcp_settings().clone().set_nodelay(true);
        let client = Client::open(info.clone().set_redis_settings(settings).set_tcp_settings(tcp))?;
        Ok(Link { client, line: Mutex::default() })
    }

    /// Sends commands, and gives the answer to each.
    pub(crate) async fn send(&self, commands: &Pipeline) -> Result<Vec<Value>, Failure> {
        let line = self.line();
        // Where another call waits for longer already, its time stays.
        if line.waiting_since.load(Ordering::Relaxed) == 0 {
            line.waiting_since.store(now(), Ordering::Relaxed);
        }
        let waiting = Waiting { link: self, line: &line, is_over: false };
        let connection = line.connection.get_or_init(|| self.connect(&line)).await;
        let sent = match connection {
            Ok(connection) => {
                let count = commands.len();
                connection.clone().send_packed_commands(commands, 0, count).await.map_err(Failure::Lost)
            }
            Err(error) => Err(Failure::NotSent(error.clone())),
        };
        waiting.over();
        match &sent {
            Ok(_) => line.waiting_since.store(0, Ordering::Relaxed),
            Err(_) => self.give_up(&line),
        }
        sent
    }

    /// A connection of its own, on which the server tells of all keys that begin with one of these prefixes.
    pub(crate) async fn track(
        &self,
        prefixes: &[&[u8]],
        hear: impl Fn(PushInfo) + Send + Sync + 'static,
    ) -> Result<MultiplexedConnection, StoreError> {
        let config = AsyncConnectionConfig::new()
            .set_connection_timeout(Some(CONNECT))
            .set_response_timeout(None)
            .set_push_sender(move |push: PushInfo| {
                hear(push);
                Ok::<(), redis::aio::SendError>(())
            });
        let lost = |error| Failure::Lost(error).of(Call::Read);
        let mut connection = self.client.get_multiplexed_async_connection_with_config(&config).await.map_err(lost)?;
        let mut command = redis::cmd("CLIENT");
        command.arg("TRACKING").arg("ON").arg("BCAST");
        for prefix in prefixes {
            command.arg("PREFIX").arg(*prefix);
        }
        let answer = connection.send_packed_command(&command).await.map_err(lost)?;
        answer.extract_error().map_err(|error| error::refused(&error))?;
        Ok(connection)
    }

    /// The connection at hand, or a new one.
    fn line(&self) -> Arc<Line> {
        let mut held = self.line.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(line) = held.as_ref().filter(|line| !line.is_closed.load(Ordering::Acquire)) {
            return line.clone();
        }
        let line = Arc::new(Line {
            connection: OnceCell::new(),
            is_closed: Arc::default(),
            waiting_since: AtomicU64::default(),
        });
        *held = Some(line.clone());
        line
    }

    async fn connect(&self, line: &Line) -> RedisResult<MultiplexedConnection> {
        let is_closed = line.is_closed.clone();
        let config = AsyncConnectionConfig::new()
            .set_connection_timeout(Some(CONNECT))
            .set_response_timeout(None)
            .set_pipeline_buffer_size(QUEUE)
            .set_push_sender(move |push: PushInfo| {
                if push.kind == PushKind::Disconnection {
                    is_closed.store(true, Ordering::Release);
                }
                Ok::<(), redis::aio::SendError>(())
            });
        let connect = self.client.get_multiplexed_async_connection_with_config(&config);
        let connection = tokio::time::timeout(CONNECT, connect).await;
        line.waiting_since.store(now(), Ordering::Relaxed);
        connection.unwrap_or_else(|_| Err(RedisError::from(std::io::Error::from(std::io::ErrorKind::TimedOut))))
    }

    /// Makes the next call connect anew. Calls that wait on the old connection go on waiting there.
    fn give_up(&self, line: &Arc<Line>) {
        let mut held = self.line.lock().unwrap_or_else(PoisonError::into_inner);
        if held.as_ref().is_some_and(|held| Arc::ptr_eq(held, line)) {
            *held = None;
        }
    }
}

impl fmt::Debug for Link {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Link").field("addr", self.client.get_connection_info().addr()).finish_non_exhaustive()
    }
}

/// A call that has no answer yet. If it is abandoned on a connection that has fallen silent, that one is given up.
struct Waiting<'a> {
    link: &'a Link,
    line: &'a Arc<Line>,
    is_over: bool,
}

impl Waiting<'_> {
    fn over(mut self) {
        self.is_over = true;
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        let since = self.line.waiting_since.load(Ordering::Relaxed);
        let is_silent = since > 0 && Duration::from_millis(now().saturating_sub(since)) >= SILENCE;
        if !self.is_over && is_silent && self.line.connection.initialized() {
            self.link.give_up(self.line);
        }
    }
}

/// Milliseconds of a clock that only goes forward, never 0.
fn now() -> u64 {
    static START: LazyLock<Instant> = LazyLock::new(Instant::now);
    u64::try_from(START.elapsed().as_millis()).unwrap_or(u64::MAX - 1) + 1
}
