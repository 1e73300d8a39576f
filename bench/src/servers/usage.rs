//! What a process has used, as Linux tells it.

use std::fs;
use std::time::Duration;

use anyhow::{Context as _, Result};

/// The unit of `/proc/PID/stat`, the same on all systems that matter.
const TICK: Duration = Duration::from_millis(10);

/// The processor time that a process has used, in user space and in the kernel: to the nanosecond from the scheduler's own
/// figures (`/proc/PID/task/*/schedstat`), and where there are none, to ten milliseconds (`/proc/PID/stat`).
///
/// # Errors
///
/// If there is no such process.
pub fn cpu_time(process: u32) -> Result<Duration> {
    if let Some(time) = of_threads(process) {
        return Ok(time);
    }
    let stat = fs::read_to_string(format!("/proc/{process}/stat"))?;
    Ok(TICK * ticks(&stat).context("/proc/PID/stat is not understood")?)
}

/// The sum over all threads. Threads of servers last, so none is missed.
fn of_threads(process: u32) -> Option<Duration> {
    let mut sum = Duration::ZERO;
    for thread in fs::read_dir(format!("/proc/{process}/task")).ok()? {
        let figures = fs::read_to_string(thread.ok()?.path().join("schedstat")).ok()?;
        sum += Duration::from_nanos(figures.split(' ').next()?.parse().ok()?);
    }
    (sum > Duration::ZERO).then_some(sum)
}

/// `utime` and `stime`, the 14th and 15th field. The second is a name in parentheses, which may hold anything.
fn ticks(stat: &str) -> Option<u32> {
    let (_, fields) = stat.rsplit_once(')')?;
    let mut fields = fields.split_whitespace().skip(11);
    Some(fields.next()?.parse::<u32>().ok()? + fields.next()?.parse::<u32>().ok()?)
}

/// The memory that a process holds, in bytes.
///
/// # Errors
///
/// If there is no such process.
pub fn resident_bytes(process: u32) -> Result<u64> {
    let status = fs::read_to_string(format!("/proc/{process}/status"))?;
    kilobytes(&status, "VmRSS").context("/proc/PID/status is not understood")
}

/// The memory that can still be had, in bytes.
///
/// # Errors
///
/// If the system does not tell.
pub fn available_memory() -> Result<u64> {
    let memory = fs::read_to_string("/proc/meminfo")?;
    kilobytes(&memory, "MemAvailable").context("/proc/meminfo is not understood")
}

/// A line such as `VmRSS:  1024 kB`, in bytes.
pub(crate) fn kilobytes(text: &str, name: &str) -> Option<u64> {
    let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'))?;
    Some(line.trim().strip_suffix(" kB")?.parse::<u64>().ok()? * 1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kernels_figures_are_read() {
        let stat = "42 (a) name) S 1 1 1 0 -1 4194560 100 0 0 0 1234 66 0 0 20 0 1 0";
        assert_eq!(ticks(stat), Some(1300));
        assert_eq!(kilobytes("VmPeak:\t 9 kB\nVmRSS:\t    4 kB\n", "VmRSS"), Some(4096));
        let this = std::process::id();
        assert!(cpu_time(this).unwrap() > Duration::ZERO && resident_bytes(this).unwrap() > 100_000);
    }
}
