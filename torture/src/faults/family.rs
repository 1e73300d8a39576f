//! The processes that a process has started, as Linux tells of them.

use std::fs;

use rustix::process::Pid;

/// Those that run now.
pub(super) fn children(parent: Pid) -> Vec<Pid> {
    let Ok(entries) = fs::read_dir("/proc") else { return Vec::new() };
    let numbers = entries.flatten().filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    let is_child = |pid: &Pid| state(*pid).is_some_and(|(_, of)| of == parent.as_raw_nonzero().get());
    numbers.filter_map(Pid::from_raw).filter(is_child).collect()
}

/// Whether it still does anything: one that has ended and waits for its parent to notice does not.
pub(super) fn lives(process: Pid) -> bool {
    state(process).is_some_and(|(state, _)| !matches!(state, 'Z' | 'X'))
}

/// The state of a process, and who has started it.
fn state(process: Pid) -> Option<(char, i32)> {
    let text = fs::read_to_string(format!("/proc/{}/stat", process.as_raw_nonzero())).ok()?;
    read(&text)
}

fn read(stat: &str) -> Option<(char, i32)> {
    // The name before stands in brackets, and may have some in it.
    let (_, rest) = stat.rsplit_once(") ")?;
    let (state, rest) = rest.split_once(' ')?;
    Some((state.chars().next()?, rest.split(' ').next()?.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_may_be_anything() {
        assert_eq!(read("12 (a) b (c)) S 7 12 12 0 -1"), Some(('S', 7)));
        assert_eq!(read("12 (a"), None);
    }

    #[test]
    fn a_child_is_found_and_found_to_be_gone() {
        let mut child = std::process::Command::new("sleep").arg("60").spawn().unwrap();
        let (us, them) = (rustix::process::getpid(), Pid::from_child(&child));
        assert!(children(us).contains(&them) && lives(them));
        child.kill().unwrap();
        while lives(them) {
            std::thread::yield_now();
        }
        child.wait().unwrap();
        assert!(!children(us).contains(&them));
    }
}
