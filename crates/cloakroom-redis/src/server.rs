//! The server, or the servers of a cluster, and how they are asked.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use cloakroom::store::StoreError;
use redis::{ConnectionInfo, Pipeline, RedisError, Value};

use crate::cluster::Cluster;
use crate::error::{self, Call, Failure};
use crate::link::Link;
use crate::script::Request;

/// Where requests go.
#[derive(Debug)]
pub(crate) enum Server {
    One(Arc<Link>),
    Cluster(Box<Cluster>),
}

/// How many replicas must have a write before it counts, and how long that may take.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Replicas {
    pub(crate) count: usize,
    pub(crate) timeout: Duration,
}

/// One round trip: a request, and what goes with it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ask<'a> {
    pub(crate) request: &'a Request,
    pub(crate) replicas: Option<Replicas>,
}

impl Server {
    pub(crate) fn one(info: &ConnectionInfo) -> Result<Server, RedisError> {
        Link::new(info).map(Arc::new).map(Server::One)
    }

    /// Asks, and gives the answer. What the server refuses is an error.
    pub(crate) async fn ask(
        &self,
        call: Call,
        request: &Request,
        replicas: Option<Replicas>,
    ) -> Result<Value, StoreError> {
        let ask = Ask { request, replicas: replicas.filter(|_| call == Call::Write) };
        let answers = match self {
            Server::One(link) => ask.of(link, false).await,
            Server::Cluster(cluster) => cluster.ask(ask).await,
        };
        ask.answer(answers.map_err(|failure| failure.of(call))?)
    }

    /// All servers that have keys.
    pub(crate) async fn masters(&self) -> Result<Vec<Arc<Link>>, Failure> {
        match self {
            Server::One(link) => Ok(vec![link.clone()]),
            Server::Cluster(cluster) => cluster.masters().await,
        }
    }

    /// Asks one of them.
    pub(crate) async fn ask_of(&self, link: &Link, call: Call, request: &Request) -> Result<Value, StoreError> {
        let ask = Ask { request, replicas: None };
        ask.answer(ask.of(link, false).await.map_err(|failure| failure.of(call))?)
    }
}

impl Ask<'_> {
    /// Asks over one connection. `asking`: the keys are on their way to that node of a cluster.
    pub(crate) async fn of(self, link: &Link, asking: bool) -> Result<Vec<Value>, Failure> {
        let answers = link.send(&self.pipeline(false, asking)).await?;
        // It says so of a script before it runs it.
        if error_of(answers.get(usize::from(asking))).is_some_and(|error| error.code() == Some("NOSCRIPT")) {
            return link.send(&self.pipeline(true, asking)).await.map(|answers| without_asking(answers, asking));
        }
        Ok(without_asking(answers, asking))
    }

    fn pipeline(self, whole: bool, asking: bool) -> Pipeline {
        let mut pipeline = Pipeline::new();
        if asking {
            pipeline.cmd("ASKING");
        }
        pipeline.add_command(self.request.command_line(whole));
        if let Some(Replicas { count, timeout }) = self.replicas {
            pipeline.cmd("WAIT").arg(count).arg(timeout.as_millis().max(1).to_string());
        }
        pipeline
    }

    /// The answer among those that came.
    fn answer(self, answers: Vec<Value>) -> Result<Value, StoreError> {
        let mut answers = answers.into_iter();
        let first = answers.next().ok_or_else(|| error::corrupt("an answer"))?;
        let first = first.extract_error().map_err(|error| error::refused(&error))?;
        if let (Some(replicas), Some(confirmed)) = (self.replicas, answers.next()) {
            match confirmed.extract_error().map_err(|error| error::refused(&error))? {
                Value::Int(confirmed)
                    if usize::try_from(confirmed).is_ok_and(|confirmed| confirmed >= replicas.count) => {}
                Value::Int(confirmed) => return Err(error::too_few_replicas(replicas.count, confirmed)),
                _ => return Err(error::corrupt("an answer")),
            }
        }
        Ok(first)
    }
}

fn without_asking(mut answers: Vec<Value>, asking: bool) -> Vec<Value> {
    if asking && !answers.is_empty() {
        answers.remove(0);
    }
    answers
}

/// The error that an answer is.
pub(crate) fn error_of(answer: Option<&Value>) -> Option<RedisError> {
    match answer {
        Some(Value::ServerError(error)) => Some(RedisError::from(error.clone())),
        _ => None,
    }
}

/// Bounds a call by the deadline.
pub(crate) async fn within<T>(
    deadline: Duration,
    call: impl Future<Output = Result<T, StoreError>>,
) -> Result<T, StoreError> {
    tokio::time::timeout(deadline, call).await.unwrap_or_else(|_| Err(error::timeout(deadline)))
}
