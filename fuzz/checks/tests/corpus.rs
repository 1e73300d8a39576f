//! The committed corpus of each target, and mutations of it: the same ones in each run, and enough to notice when somebody
//! breaks something. To look for what nobody has thought of is the work of `cargo xtask fuzz`.
#![allow(clippy::unwrap_used, reason = "a test that fails may panic")]

use std::fs;
use std::panic::catch_unwind;
use std::path::{Path, PathBuf};

use cloakroom_fuzz_checks::{TARGETS, Target};

/// How many mutations are tried of each target.
const MUTATIONS: usize = 1_000;

/// All that is committed has to stay small.
const MOST_BYTES: usize = 100_000;

fn folder(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().join(name)
}

/// The inputs in the order of their names.
fn corpus(target: Target) -> Vec<Vec<u8>> {
    let entries = fs::read_dir(folder("corpus").join(target.name)).unwrap();
    let mut paths: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    paths.iter().map(|path| fs::read(path).unwrap()).collect()
}

/// The words of the target's dictionary, if it has one.
fn dictionary(target: Target) -> Vec<Vec<u8>> {
    let Ok(text) = fs::read_to_string(folder("dictionaries").join(format!("{}.dict", target.name))) else {
        return Vec::new();
    };
    let quoted = text.lines().filter_map(|line| line.trim().strip_prefix('"')?.strip_suffix('"'));
    quoted.map(unescape).collect()
}

/// As libFuzzer reads it: `\\`, `\"` and `\xAB`.
fn unescape(word: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut rest = word.as_bytes();
    while let [first, after @ ..] = rest {
        (bytes, rest) = match after {
            [b'x', high, low, after @ ..] if *first == b'\\' => {
                let digits = [*high, *low];
                let byte = u8::from_str_radix(std::str::from_utf8(&digits).unwrap(), 16).unwrap();
                ([bytes, vec![byte]].concat(), after)
            }
            [escaped, after @ ..] if *first == b'\\' => ([bytes, vec![*escaped]].concat(), after),
            _ => ([bytes, vec![*first]].concat(), after),
        };
    }
    bytes
}

/// Numbers below what is asked for, the same ones in each run (xorshift64).
struct Random(u64);

impl Random {
    fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 32) as usize % bound.max(1)
    }
}

fn mutate(random: &mut Random, input: &mut Vec<u8>, corpus: &[Vec<u8>], words: &[Vec<u8>]) {
    for _ in 0..=random.below(4) {
        let (at, to) = (random.below(input.len() + 1), random.below(input.len() + 1));
        let (at, to) = (at.min(to), at.max(to));
        let byte = u8::try_from(random.below(256)).unwrap();
        match random.below(7) {
            0 => drop(input.drain(at..to)),
            1 => input.insert(at, byte),
            2 => input.extend_from_within(at..to),
            3 if !words.is_empty() => drop(input.splice(at..at, words[random.below(words.len())].iter().copied())),
            4 => drop(input.splice(at..to, corpus[random.below(corpus.len())].iter().copied())),
            5 if at < input.len() => input[at] = byte,
            _ if at < input.len() => input[at] ^= 1 << (byte & 7),
            _ => {}
        }
        // No input grows without end.
        input.truncate(8_192);
    }
}

#[track_caller]
fn holds(target: Target, input: &[u8]) {
    let name = target.name;
    assert!(
        catch_unwind(|| (target.check)(input)).is_ok(),
        "the check of {name} fails for this input; once it is fixed, keep it in fuzz/corpus/{name}:\n{}",
        input.escape_ascii()
    );
}

fn holds_for_the_corpus_and_its_mutations(name: &str) {
    let target = *TARGETS.iter().find(|target| target.name == name).unwrap();
    let (corpus, words) = (corpus(target), dictionary(target));
    holds(target, b"");
    for input in &corpus {
        holds(target, input);
    }
    let mut random = Random(0x9e37_79b9_7f4a_7c15);
    for _ in 0..MUTATIONS {
        let mut input = corpus[random.below(corpus.len())].clone();
        mutate(&mut random, &mut input, &corpus, &words);
        holds(target, &input);
    }
}

macro_rules! targets {
    ($($name:ident),*) => {
        $(#[test]
        fn $name() {
            holds_for_the_corpus_and_its_mutations(stringify!($name));
        })*

        #[test]
        fn every_target_is_here_has_a_program_and_a_small_corpus() {
            assert_eq!(TARGETS.map(|target| target.name), [$(stringify!($name)),*]);
            let mut bytes = 0;
            for target in TARGETS {
                let program = fs::read_to_string(folder("fuzz_targets").join(format!("{}.rs", target.name))).unwrap();
                assert!(program.contains(&format!("cloakroom_fuzz_checks::{}::check", target.name)), "{program}");
                bytes += corpus(target).iter().map(Vec::len).sum::<usize>();
            }
            assert!(bytes <= MOST_BYTES, "the corpora have {bytes} bytes");
        }
    };
}

targets!(
    cookie_header,
    cross_site,
    mongodb_document,
    mongodb_express,
    mongodb_record,
    sealed_cookie,
    session_text,
    set_cookie,
    ticket,
    value
);
