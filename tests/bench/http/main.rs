//! How the two servers do under load, over real HTTP on loopback: `bench-http callbacks [ROUNDS]`, `bench-http sandbox
//! [ROUNDS [NAME]]` (figures are kept under that name), `bench-http million [SECONDS]`. Measures the release `guitai` that lies beside it.
//!
//! Beside each figure stands what it can be compared with on any machine: a plain server of our own that commits each
//! callback alone, the pace of the disk, the pace of the signer, all in the same minute. `bench-http plain FOLDER` is that
//! server.

mod callbacks;
mod plain;
mod sandbox;
mod signed;

use guitai_tests::measure::Figures;
use std::path::PathBuf;

/// The binary that is measured.
fn guitai() -> PathBuf {
    let me = std::env::current_exe().expect("the path of this program");
    let binary = me.with_file_name(format!("guitai{}", std::env::consts::EXE_SUFFIX));
    assert!(binary.exists(), "{} is not built: cargo build --release -p guitai-cli", binary.display());
    binary
}

fn main() {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let number = |at: usize, otherwise: usize| words.get(at).and_then(|word| word.parse().ok()).unwrap_or(otherwise);
    let figures = Figures::open();
    // one thread: the servers need the cores more
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    match words.first().map(String::as_str) {
        Some("plain") => plain::serve(&PathBuf::from(words.get(1).expect("a folder"))),
        Some("callbacks") => runtime.block_on(callbacks::measure(number(1, 5), &figures)),
        Some("sandbox") => {
            let name = words.get(2).map_or("sandbox", String::as_str);
            runtime.block_on(sandbox::measure(number(1, 5), name, &figures));
        }
        Some("million") => runtime.block_on(sandbox::million(number(1, 600), &figures)),
        other => panic!("{other:?}: callbacks, sandbox, million or plain FOLDER"),
    }
}
