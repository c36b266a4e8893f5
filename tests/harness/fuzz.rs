//! Broken input without end: recorded cases, mutated the way that wires break (cut, repeated, spliced, with tokens
//! of JSON, events and UTF-8 in wrong places), for a set time. An input that makes a target say something it has not
//! said before joins the corpus, so that a run digs deeper. The seed is fixed: what fails once fails again.

use std::collections::BTreeSet;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::time::{Duration, Instant};

use crate::counts::soak;

/// What wires are made of, and what breaks them.
const TOKENS: [&[u8]; 40] = [
    b"{",
    b"}",
    b"[",
    b"]",
    b"\"",
    b"\\",
    b",",
    b":",
    b"null",
    b"true",
    b"false",
    b"-0",
    b"1e999",
    b"0.1",
    b"-",
    b"18446744073709551616",
    b"{}",
    b"[]",
    b"\"\"",
    b"\\u0000",
    b"\\ud83d",
    b"\\ude00",
    b"\n",
    b"\r",
    b"\r\n",
    b"\n\n",
    b"data: ",
    b"data:",
    b"event: error\n",
    b": c\n",
    b"id: \0\n",
    b"[DONE]",
    b"\xef\xbb\xbf",
    b"\xff",
    b"\xf0\x9f\x98",
    b"\xc3",
    b"\"index\":0,",
    b"\"type\":\"error\",",
    b"\"error\":{},",
    b"\"done\":true,",
];
/// The corpus grows to this many inputs; then one that says something new takes the place of another.
const MOST_INPUTS: usize = 1024;
const LONGEST_BYTES: usize = 16 << 10;

/// The folders of recorded cases, below `host/dialect/golden`.
pub fn golden(folders: &[&str]) -> Vec<Vec<u8>> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../host/dialect/golden");
    let mut inputs: Vec<(String, Vec<u8>)> = folders
        .iter()
        .flat_map(|folder| fs_err::read_dir(root.join(folder)).expect("a folder of recorded cases").flatten())
        .filter(|entry| entry.path().extension().is_some_and(|ending| ending != "txt"))
        .map(|entry| (entry.path().display().to_string(), fs_err::read(entry.path()).expect("a case")))
        .collect();
    inputs.sort();
    assert!(!inputs.is_empty());
    inputs.into_iter().map(|(_, bytes)| bytes).collect()
}

/// Runs `target` on the corpus and on what becomes of it: 20 s, in soak 10 min (contract 1). The target holds what
/// must always hold, and says what it saw.
pub fn fuzz<Seen: Hash>(corpus: Vec<Vec<u8>>, target: impl Fn(&[u8]) -> Seen) {
    let time = if soak() { Duration::from_mins(10) } else { Duration::from_secs(20) };
    let mut mutator = Mutator { state: 0x9e37_79b9_7f4a_7c15, corpus };
    let mut known = BTreeSet::new();
    let run = |input: &[u8]| {
        let outcome = catch_unwind(AssertUnwindSafe(|| {
            let mut hasher = DefaultHasher::new();
            target(input).hash(&mut hasher);
            hasher.finish()
        }));
        outcome.unwrap_or_else(|_| panic!("this input: \"{}\"", input.escape_ascii()))
    };
    for input in &mutator.corpus {
        known.insert(run(input));
    }
    #[expect(clippy::disallowed_methods, reason = "how long to go on; no time decides the outcome")]
    let started = Instant::now();
    let mut runs = 0_u64;
    while started.elapsed() < time {
        for _ in 0..64 {
            let input = mutator.next();
            runs += 1;
            if known.insert(run(&input)) {
                mutator.keep(input);
            }
        }
    }
    #[expect(clippy::print_stderr, reason = "how far it came; shown when asked for")]
    {
        eprintln!("{runs} inputs, {} kinds of outcome, {} kept", known.len(), mutator.corpus.len());
    }
}

struct Mutator {
    state: u64,
    corpus: Vec<Vec<u8>>,
}

impl Mutator {
    /// Splitmix64.
    fn random(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.state;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn below(&mut self, end: usize) -> usize {
        usize::try_from(self.random() % (end.max(1) as u64)).unwrap_or(0)
    }

    fn keep(&mut self, input: Vec<u8>) {
        if self.corpus.len() < MOST_INPUTS {
            self.corpus.push(input);
        } else {
            let at = self.below(self.corpus.len());
            self.corpus[at] = input;
        }
    }

    fn next(&mut self) -> Vec<u8> {
        let at = self.below(self.corpus.len());
        let mut input = self.corpus[at].clone();
        for _ in 0..=self.below(4) {
            self.mutate(&mut input);
        }
        input.truncate(LONGEST_BYTES);
        input
    }

    fn mutate(&mut self, input: &mut Vec<u8>) {
        let at = self.below(input.len() + 1);
        let size = 1 + self.below(24);
        let end = (at + size).min(input.len());
        match self.below(8) {
            0 => input.truncate(at),
            1 => drop(input.drain(at..end)),
            2 => {
                let repeated = input[at..end].to_vec();
                input.splice(at..at, repeated);
            }
            3 => {
                let token = TOKENS[self.below(TOKENS.len())];
                input.splice(at..at, token.iter().copied());
            }
            4 => {
                let token = TOKENS[self.below(TOKENS.len())];
                input.splice(at..end, token.iter().copied());
            }
            5 => {
                let other = self.below(self.corpus.len());
                let other = &self.corpus[other];
                let from = usize::try_from(self.state % (other.len() as u64 + 1)).unwrap_or(0);
                let piece = other[from..(from + 256).min(other.len())].to_vec();
                input.splice(at..end, piece);
            }
            6 => {
                if let Some(byte) = input.get_mut(at) {
                    let bit = self.state & 7;
                    *byte ^= 1 << bit;
                }
            }
            _ => self.swap_values(input),
        }
    }

    /// Puts the text between two quotes, or a number, where another one stood.
    fn swap_values(&mut self, input: &mut Vec<u8>) {
        let quotes: Vec<usize> =
            input.iter().enumerate().filter(|(_, byte)| **byte == b'"').map(|(at, _)| at).collect();
        if quotes.len() < 4 {
            return;
        }
        let (one, two) = (self.below(quotes.len() - 1), self.below(quotes.len() - 1));
        let text = input[quotes[one]..=quotes[one + 1]].to_vec();
        input.splice(quotes[two]..=quotes[two + 1], text);
    }
}
