//! One processor for the server, another for the load.

use std::fs;

use anyhow::Result;
use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};

/// Which processors the servers and the load run on.
#[derive(Clone, Copy, Debug)]
pub struct Cpus {
    pinned: Option<Pinned>,
}

#[derive(Clone, Copy, Debug)]
struct Pinned {
    server: usize,
    load: usize,
}

impl Cpus {
    /// Gives the servers a processor, and this thread, and what it starts from now on, another. With one processor alone nobody
    /// is told where to run.
    ///
    /// # Errors
    ///
    /// If the system does not allow it.
    pub fn choose() -> Result<Cpus> {
        let allowed = sched_getaffinity(None)?;
        let allowed: Vec<usize> = (0..CpuSet::MAX_CPU).filter(|cpu| allowed.is_set(*cpu)).collect();
        let Some((&server, others)) = allowed.split_first() else { return Ok(Cpus { pinned: None }) };
        let twins = twins(server);
        // Best one that shares no core with the server.
        let load = others.iter().find(|cpu| !twins.contains(cpu)).or(others.first());
        let Some(&load) = load else { return Ok(Cpus { pinned: None }) };
        pin(load)?;
        Ok(Cpus { pinned: Some(Pinned { server, load }) })
    }

    /// Everybody runs where the system lets them.
    pub fn any() -> Cpus {
        Cpus { pinned: None }
    }

    /// Runs something that starts a server, which stays where it is started.
    pub(crate) fn for_a_server<T>(&self, start: impl FnOnce() -> T) -> Result<T> {
        let Some(pinned) = self.pinned else { return Ok(start()) };
        pin(pinned.server)?;
        let started = start();
        pin(pinned.load)?;
        Ok(started)
    }

    /// A sentence about it.
    pub fn tell(&self) -> String {
        match self.pinned {
            Some(Pinned { server, load }) => {
                format!("Servers run on processor {server}, the load on processor {load}; a database runs on any.")
            }
            None => "There is one processor for servers and load together.".to_owned(),
        }
    }
}

fn pin(cpu: usize) -> Result<()> {
    let mut set = CpuSet::new();
    set.set(cpu);
    Ok(sched_setaffinity(None, &set)?)
}

/// The processors that are one core with this one.
fn twins(cpu: usize) -> Vec<usize> {
    let list = fs::read_to_string(format!("/sys/devices/system/cpu/cpu{cpu}/topology/thread_siblings_list"));
    read_list(list.unwrap_or_default().trim())
}

/// A list as the kernel writes it, such as `0-1,8`.
fn read_list(list: &str) -> Vec<usize> {
    let range = |part: &str| {
        let (first, last) = part.split_once('-').unwrap_or((part, part));
        Some(first.parse::<usize>().ok()?..=last.parse::<usize>().ok()?)
    };
    list.split(',').filter_map(range).flatten().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kernels_lists_are_read() {
        assert_eq!(read_list("0-2,8"), [0, 1, 2, 8]);
        assert_eq!(read_list("3"), [3]);
        assert_eq!(read_list(""), [] as [usize; 0]);
    }
}
