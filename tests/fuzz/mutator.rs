//! A seeded mutator that feeds bytes to a reader in this process. Every target is a test: a few thousand inputs by
//! default, `GUITAI_FUZZ_EXECS` of them in `make fuzz`; the same seed (`GUITAI_FUZZ_SEED`) gives the same inputs.
//!
//! It begins with the files of `tests/fuzz/corpus/NAME` and of `tests/fuzz/found/NAME` (what once went wrong), and keeps an
//! input for further mutation when the reader's word about it is new. An input on which the reader panics is written to
//! `tests/fuzz/found/NAME`. Time is printed, never asserted.

#![allow(dead_code, reason = "each crate uses its part")]

use std::collections::HashSet;
use std::fmt::Debug;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// Inputs of one target in `make test`.
const EXECS: u64 = 20_000;
/// Bytes of one input at most: a little more than any of the readers takes whole.
const LONGEST: usize = 80 * 1024;
/// Inputs that are kept for further mutation at most, and their bytes: they are no memory of the reader's.
const POOL: usize = 2_000;
const POOL_BYTES: usize = 8 * 1024 * 1024;
/// How much memory the process may come to need while a target runs.
const MEMORY_KIB: u64 = 64 * 1024;

/// Words of every format, to be put anywhere.
const WORDS: [&str; 44] = [
    "\r\n",
    "\r\n\r\n",
    "\n",
    "\r",
    "\0",
    "\t",
    " ",
    ":",
    ",",
    ";",
    "=",
    "\"",
    "\\",
    "{",
    "}",
    "[",
    "]",
    "`",
    "-",
    "+",
    "/",
    "%00",
    "\u{feff}",
    "\u{202e}",
    "\u{2028}",
    "中",
    "🧋",
    "\\u0000",
    "\\ud800",
    "null",
    "true",
    "1e999",
    "-0",
    "0x10",
    "99999999999999999999",
    "18446744073709551615",
    "-9223372036854775808",
    "0.1",
    "chunked",
    "-----BEGIN ",
    "-----END ",
    "-----\n",
    "====",
    "AAAA",
];

struct Dice(u64);

impl Dice {
    fn roll(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    /// Below `sides`; 0 where there are none.
    fn below(&mut self, sides: usize) -> usize {
        usize::try_from(self.roll() >> 16).unwrap_or(0) % sides.max(1)
    }
}

/// Runs one target. `read` says in a word what the reader made of the input: which error, which shape; not its content.
pub fn fuzz<T: Debug>(name: &str, words: &[&str], read: impl Fn(&[u8]) -> T) {
    fuzz_slowly(name, words, Vec::new(), 1, read);
}

/// The same for a reader that does costly arithmetic: a part of the inputs, and beginnings that don't lie in the corpus
/// (keys).
pub fn fuzz_slowly<T: Debug>(
    name: &str,
    words: &[&str],
    beginnings: Vec<Vec<u8>>,
    one_in: u64,
    read: impl Fn(&[u8]) -> T,
) {
    let number = |name: &str, otherwise: u64| {
        std::env::var(name).ok().and_then(|text| text.parse().ok()).filter(|number| *number > 0).unwrap_or(otherwise)
    };
    let (execs, seed) = (number("GUITAI_FUZZ_EXECS", EXECS) / one_in, number("GUITAI_FUZZ_SEED", 1));
    let mut pool = beginnings;
    pool.extend(files("corpus", name));
    assert!(!pool.is_empty(), "tests/fuzz/corpus/{name} has at least one file");
    pool.extend(files("found", name));
    let seeds = pool.len();
    let mut bytes: usize = pool.iter().map(Vec::len).sum();
    let mut dice = Dice(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1);
    let mut known = HashSet::new();
    let (mut slowest, mut slow_input) = (Duration::ZERO, Vec::new());
    let before = peak_kib();
    let begun = Instant::now();
    for exec in 0..execs {
        let input = match pool.get(usize::try_from(exec).unwrap_or(usize::MAX)).filter(|_| exec < seeds as u64) {
            Some(seed) => seed.clone(),
            None => mutated(&pool, words, &mut dice),
        };
        let attempt = || {
            let started = Instant::now();
            let word = catch_unwind(AssertUnwindSafe(|| read(&input)));
            (word, started.elapsed())
        };
        let (word, mut took) = attempt();
        let Ok(word) = word else {
            let kept = keep(name, &input);
            panic!("{name}: the reader panicked; the input is in {}", kept.display());
        };
        if took > slowest {
            // Again: on a busy machine most of it was somebody else's time.
            took = took.min(attempt().1).min(attempt().1);
        }
        if took > slowest {
            (slowest, slow_input) = (took, input.clone());
        }
        let mut hasher = DefaultHasher::new();
        format!("{word:?}").hash(&mut hasher);
        if known.insert(hasher.finish()) && pool.len() < POOL && bytes + input.len() <= POOL_BYTES {
            bytes += input.len();
            pool.push(input);
        }
    }
    let grown = peak_kib().saturating_sub(before);
    println!(
        "{{\"fuzz\":\"{name}\",\"execs\":{execs},\"seconds\":{:.1},\"words\":{},\"slowest_ms\":{:.2},\"slowest_bytes\":{},\"peak_grew_kib\":{grown}}}",
        begun.elapsed().as_secs_f64(),
        known.len(),
        slowest.as_secs_f64() * 1_000.0,
        slow_input.len(),
    );
    if let Some(folder) = std::env::var_os("GUITAI_FUZZ_SLOWEST") {
        let _ = std::fs::write(Path::new(&folder).join(name), &slow_input);
    }
    // Other tests of the same process count too, so only a run of its own can say whose memory it was.
    if std::env::var_os("GUITAI_FUZZ_EXECS").is_none() {
        return;
    }
    assert!(grown < MEMORY_KIB, "{name}: {grown} KiB more than before");
}

fn mutated(pool: &[Vec<u8>], words: &[&str], dice: &mut Dice) -> Vec<u8> {
    let mut input = pool[dice.below(pool.len())].clone();
    for _ in 0..=dice.below(8) {
        let (at, scale) = (dice.below(input.len() + 1), dice.below(7));
        let span = dice.below(1 << scale) + 1;
        let end = (at + span).min(input.len());
        match dice.below(12) {
            0 if at < input.len() => input[at] ^= 1 << dice.below(8),
            1 if at < input.len() => input[at] = dice.roll().to_le_bytes()[3],
            2 => drop(input.drain(at..end)),
            3 => {
                let piece = input[at..end].to_vec();
                let to = dice.below(input.len() + 1);
                input.splice(to..to, piece);
            }
            4 => {
                let other = &pool[dice.below(pool.len())];
                let from = dice.below(other.len() + 1);
                let piece = other[from..(from + span * 4).min(other.len())].to_vec();
                input.splice(at..end, piece);
            }
            5..=7 => {
                let of_format = dice.below(2) == 0 && !words.is_empty();
                let word = if of_format { words[dice.below(words.len())] } else { WORDS[dice.below(WORDS.len())] };
                let until = if dice.below(2) == 0 { at } else { end };
                input.splice(at..until, word.bytes());
            }
            8 => {
                // One piece very often: what grows with it, or with its square, shows in time or memory.
                let scale = dice.below(12);
                let piece = input[at..end].repeat(dice.below(1 << scale) + 1);
                input.splice(at..at, piece);
            }
            9 => input.truncate(at),
            10 => {
                let digits = (at..input.len()).take_while(|place| input[*place].is_ascii_digit()).count();
                let numbers = ["0", "-1", "1", "65536", "4294967296", "9223372036854775808", "00", "1.5", "1e9"];
                input.splice(at..at + digits, numbers[dice.below(numbers.len())].bytes());
            }
            _ => {
                let to = dice.below(input.len() + 1);
                if at < input.len() && to < input.len() {
                    input.swap(at, to);
                }
            }
        }
        input.truncate(LONGEST);
    }
    input
}

fn folder(kind: &str, name: &str) -> PathBuf {
    let package = Path::new(env!("CARGO_MANIFEST_DIR"));
    let root =
        package.ancestors().find(|folder| folder.join("Cargo.lock").exists()).expect("the root of the workspace");
    root.join("tests/fuzz").join(kind).join(name)
}

/// In the order of their names, so that a seed means the same everywhere.
fn files(kind: &str, name: &str) -> Vec<Vec<u8>> {
    let entries = std::fs::read_dir(folder(kind, name)).into_iter().flatten().flatten();
    let mut paths: Vec<PathBuf> = entries.map(|entry| entry.path()).collect();
    paths.sort();
    paths.iter().map(|path| std::fs::read(path).expect("a file of the corpus")).collect()
}

fn keep(name: &str, input: &[u8]) -> PathBuf {
    let mut hasher = DefaultHasher::new();
    input.hash(&mut hasher);
    let path = folder("found", name).join(format!("{:016x}", hasher.finish()));
    let _ = std::fs::create_dir_all(folder("found", name));
    std::fs::write(&path, input).expect("the input can be kept");
    path
}

/// The most memory this process ever had; 0 where that can't be asked.
fn peak_kib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    line.and_then(|rest| rest.split_whitespace().next()?.parse().ok()).unwrap_or(0)
}
