//! The servers of a cluster: which has which keys.
//!
//! The driver's own client for clusters sends a command again when a connection breaks, also one that may have been carried
//! out: then a number is counted twice. Here a request is sent again only if the server has said that it did not carry it out,
//! or if it never left.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use redis::{ConnectionAddr, ConnectionInfo, Pipeline, RedisResult, ServerErrorKind, Value};
use tokio::sync::Mutex as AsyncMutex;

use crate::error::{self, Failure};
use crate::link::Link;
use crate::names;
use crate::server::{Ask, error_of};

/// So often a request is sent to another node before it is given up.
const REDIRECTIONS: usize = 16;

/// While slots move, a request of two keys may find one of them here and the other there.
const PAUSE: Duration = Duration::from_millis(20);

/// All nodes that are known.
pub(crate) struct Cluster {
    /// Where to begin, in the order that was given.
    seeds: Vec<Address>,
    /// How to connect, whichever node it is.
    settings: ConnectionInfo,
    links: Mutex<HashMap<Address, Arc<Link>>>,
    map: Mutex<Arc<Map>>,
    /// One at a time finds out.
    asking: AsyncMutex<()>,
}

/// A node's host and port.
type Address = (String, u16);

/// Which node has which slots.
#[derive(Debug, Default)]
struct Map {
    /// The first slot, the last one, and the master.
    ranges: Vec<(u16, u16, Address)>,
    is_stale: bool,
}

impl Cluster {
    pub(crate) fn new(nodes: Vec<ConnectionInfo>) -> Option<Cluster> {
        let seeds = nodes.iter().map(|node| address_of(node.addr())).collect::<Option<Vec<_>>>()?;
        let settings = nodes.into_iter().next()?;
        Some(Cluster {
            seeds,
            settings,
            links: Mutex::default(),
            map: Mutex::new(Arc::new(Map { ranges: Vec::new(), is_stale: true })),
            asking: AsyncMutex::default(),
        })
    }

    /// Asks the node that has the request's key.
    pub(crate) async fn ask(&self, ask: Ask<'_>) -> Result<Vec<Value>, Failure> {
        let slot = names::slot(ask.request.routing_key().unwrap_or_default());
        let mut redirection: Option<(Address, bool)> = None;
        let mut tried = None;
        for _ in 0..REDIRECTIONS {
            let (address, asking) = match redirection.take() {
                Some(redirection) => redirection,
                None => (self.master_of(slot).await?, false),
            };
            let link = self.link(&address).map_err(Failure::NotSent)?;
            let answers = match ask.of(&link, asking).await {
                Ok(answers) => answers,
                Err(Failure::NotSent(error)) => {
                    // Another may have taken its place. If none has, it is away.
                    self.distrust();
                    if tried.as_ref() == Some(&address) {
                        return Err(Failure::NotSent(error));
                    }
                    tried = Some(address);
                    continue;
                }
                Err(lost) => {
                    self.distrust();
                    return Err(lost);
                }
            };
            let Some(refusal) = error_of(answers.first()) else { return Ok(answers) };
            match refusal.kind() {
                redis::ErrorKind::Server(kind @ (ServerErrorKind::Moved | ServerErrorKind::Ask)) => {
                    let to = refusal.redirect_node().and_then(|(node, _)| parse(node, &address.0));
                    let Some(to) = to else { return Ok(answers) };
                    if kind == ServerErrorKind::Moved {
                        self.distrust();
                    }
                    redirection = Some((to, kind == ServerErrorKind::Ask));
                }
                redis::ErrorKind::Server(ServerErrorKind::TryAgain) => tokio::time::sleep(PAUSE).await,
                redis::ErrorKind::Server(ServerErrorKind::ReadOnly) if tried.as_ref() != Some(&address) => {
                    self.distrust();
                    tried = Some(address);
                }
                redis::ErrorKind::Server(ServerErrorKind::ClusterDown | ServerErrorKind::MasterDown) => {
                    self.distrust();
                    return Ok(answers);
                }
                _ => return Ok(answers),
            }
        }
        Err(Failure::NotSent(error::no_node()))
    }

    /// All nodes that have slots.
    pub(crate) async fn masters(&self) -> Result<Vec<Arc<Link>>, Failure> {
        let map = self.map().await?;
        let mut masters: Vec<&Address> = map.ranges.iter().map(|(_, _, master)| master).collect();
        masters.sort();
        masters.dedup();
        masters.into_iter().map(|master| self.link(master).map_err(Failure::NotSent)).collect()
    }

    async fn master_of(&self, slot: u16) -> Result<Address, Failure> {
        let map = self.map().await?;
        let range = map.ranges.iter().find(|(first, last, _)| (*first..=*last).contains(&slot));
        match range {
            Some((_, _, master)) => Ok(master.clone()),
            None => {
                self.distrust();
                Err(Failure::NotSent(error::no_node()))
            }
        }
    }

    async fn map(&self) -> Result<Arc<Map>, Failure> {
        let held = self.held_map();
        if !held.is_stale {
            return Ok(held);
        }
        let _turn = self.asking.lock().await;
        let held = self.held_map();
        if !held.is_stale {
            return Ok(held);
        }
        let mut nodes: Vec<Address> = held.ranges.iter().map(|(_, _, master)| master.clone()).collect();
        nodes.extend(self.seeds.iter().cloned());
        let mut why = Failure::NotSent(error::no_node());
        for (place, node) in nodes.iter().enumerate() {
            if nodes[..place].contains(node) {
                continue;
            }
            match self.map_by(node).await {
                Ok(map) if !map.ranges.is_empty() => {
                    let map = Arc::new(map);
                    *self.map.lock().unwrap_or_else(PoisonError::into_inner) = map.clone();
                    return Ok(map);
                }
                Ok(_) => {}
                Err(Failure::NotSent(error) | Failure::Lost(error)) => why = Failure::NotSent(error),
            }
        }
        Err(why)
    }

    /// What a node says.
    async fn map_by(&self, node: &Address) -> Result<Map, Failure> {
        let link = self.link(node).map_err(Failure::NotSent)?;
        let mut slots = Pipeline::new();
        slots.cmd("CLUSTER").arg("SLOTS");
        let answer = link.send(&slots).await?.into_iter().next().unwrap_or_default();
        let answer = answer.extract_error().map_err(Failure::NotSent)?;
        Ok(Map { ranges: ranges(&answer, &node.0), is_stale: false })
    }

    fn held_map(&self) -> Arc<Map> {
        self.map.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Lets the next request find out anew which node has what.
    fn distrust(&self) {
        let mut held = self.map.lock().unwrap_or_else(PoisonError::into_inner);
        *held = Arc::new(Map { ranges: held.ranges.clone(), is_stale: true });
    }

    fn link(&self, address: &Address) -> RedisResult<Arc<Link>> {
        let mut links = self.links.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(link) = links.get(address) {
            return Ok(link.clone());
        }
        let (host, port) = address.clone();
        let addr = match self.settings.addr().clone() {
            ConnectionAddr::TcpTls { insecure, tls_params, .. } => {
                ConnectionAddr::TcpTls { host, port, insecure, tls_params }
            }
            _ => ConnectionAddr::Tcp(host, port),
        };
        let link = Arc::new(Link::new(&self.settings.clone().set_addr(addr))?);
        links.insert(address.clone(), link.clone());
        Ok(link)
    }
}

impl fmt::Debug for Cluster {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Cluster").field("nodes", &self.seeds).finish_non_exhaustive()
    }
}

fn address_of(addr: &ConnectionAddr) -> Option<Address> {
    match addr {
        ConnectionAddr::Tcp(host, port) | ConnectionAddr::TcpTls { host, port, .. } => Some((host.clone(), *port)),
        _ => None,
    }
}

/// `host:port`, where the host may be left out: then it is that of the node which says so.
fn parse(node: &str, by: &str) -> Option<Address> {
    let (host, port) = node.rsplit_once(':')?;
    let host = host.trim_start_matches('[').trim_end_matches(']');
    let host = if host.is_empty() { by } else { host };
    Some((host.to_owned(), port.parse().ok()?))
}

/// The answer of `CLUSTER SLOTS`: what can't be read of it is left out.
fn ranges(answer: &Value, by: &str) -> Vec<(u16, u16, Address)> {
    let slot = |value: &Value| match value {
        Value::Int(slot) => u16::try_from(*slot).ok(),
        _ => None,
    };
    let range = |range: &Value| {
        let Value::Array(parts) = range else { return None };
        let [first, last, Value::Array(master), ..] = parts.as_slice() else { return None };
        let host = match master.first()? {
            Value::BulkString(host) if !host.is_empty() && host != b"?" => String::from_utf8(host.clone()).ok()?,
            _ => by.to_owned(),
        };
        Some((slot(first)?, slot(last)?, (host, slot(master.get(1)?)?)))
    };
    let Value::Array(all) = answer else { return Vec::new() };
    all.iter().filter_map(range).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_node_says_is_read() {
        let node = |host: &str, port: i64| Value::Array(vec![Value::BulkString(host.into()), Value::Int(port)]);
        let range = |first: i64, last: i64, master: Value| {
            Value::Array(vec![Value::Int(first), Value::Int(last), master, node("10.0.0.9", 1)])
        };
        let nil = Value::Array(vec![Value::Nil, Value::Int(7_003)]);
        let answer = Value::Array(vec![
            range(0, 5_460, node("10.0.0.1", 7_001)),
            range(5_461, 10_922, node("", 7_002)),
            range(10_923, 16_383, nil),
            Value::Nil,
            Value::Array(vec![Value::Int(1)]),
        ]);
        let by = |host: &str, port| (host.to_owned(), port);
        let expected = [
            (0, 5_460, by("10.0.0.1", 7_001)),
            (5_461, 10_922, by("asked", 7_002)),
            (10_923, 16_383, by("asked", 7_003)),
        ];
        assert_eq!(ranges(&answer, "asked"), expected);
    }

    #[test]
    fn a_redirection_names_a_node() {
        assert_eq!(parse("10.0.0.1:7001", "x"), Some(("10.0.0.1".to_owned(), 7_001)));
        assert_eq!(parse("[::1]:7001", "x"), Some(("::1".to_owned(), 7_001)));
        assert_eq!(parse(":7001", "asked"), Some(("asked".to_owned(), 7_001)));
        assert_eq!(parse("10.0.0.1", "x"), None);
    }
}
