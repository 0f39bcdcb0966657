//! What ARCHITECTURE.md and CONTRIBUTING.md ask of the source, as far as a search through text can tell: which package may
//! import which, where a library may be named, names and sizes, nothing dangerous and nothing private in the tree.
//! It reads every file that git tracks or would add. Rules that need types or a running program are tested elsewhere.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::{env, fs};

/// A file of the project with its path from the root, `/` between parts.
struct Source {
    path: String,
    text: String,
}

impl Source {
    /// Lines with their numbers, without `//` comments.
    fn code(&self) -> impl Iterator<Item = (usize, &str)> {
        self.text.lines().enumerate().map(|(index, line)| (index + 1, without_comment(line)))
    }

    /// Like `code`, but only what ships: files and modules of tests are left out.
    fn shipped(&self) -> impl Iterator<Item = (usize, &str)> {
        let is_test =
            self.path.starts_with("tests/") || self.path.contains("/tests/") || self.path.ends_with("tests.rs");
        let end = if is_test {
            0
        } else {
            self.text.find("#[cfg(test)]\nmod").map_or(usize::MAX, |at| self.text[..at].lines().count())
        };
        self.code().take_while(move |(number, _)| *number <= end)
    }

    fn is(&self, extension: &str) -> bool {
        Path::new(&self.path).extension().is_some_and(|it| it == extension)
    }

    fn starts_with_any(&self, places: &[&str]) -> bool {
        places.iter().any(|place| self.path.starts_with(place))
    }
}

fn without_comment(line: &str) -> &str {
    let trimmed = line.trim_start();
    if trimmed.starts_with("//") || trimmed.starts_with("* ") || trimmed.starts_with("/*") {
        return "";
    }
    line.find(" //").map_or(line, |at| &line[..at])
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("tests/ lies in the root").to_path_buf()
}

fn names_of_files() -> Vec<String> {
    let out = Command::new("git")
        .args(["ls-files", "-z", "--cached", "--others", "--exclude-standard"])
        .current_dir(root())
        .output();
    let out = out.expect("git lists the files of the project");
    assert!(out.status.success(), "git ls-files: {}", String::from_utf8_lossy(&out.stderr));
    let names = String::from_utf8(out.stdout).expect("file names are UTF-8");
    names.split('\0').filter(|name| !name.is_empty()).map(str::to_owned).collect()
}

/// Every text file but this one, which has to name what it forbids.
fn sources() -> Vec<Source> {
    let files = names_of_files().into_iter().filter(|path| path != "tests/house_rules.rs");
    files.filter_map(|path| fs::read_to_string(root().join(&path)).ok().map(|text| Source { path, text })).collect()
}

/// Does `line` hold `word` with no letter, digit or `_` on either side?
fn has_word(line: &str, word: &str) -> bool {
    let edge = |c: Option<char>| !c.is_some_and(|c| c.is_alphanumeric() || c == '_');
    line.match_indices(word)
        .any(|(at, _)| edge(line[..at].chars().next_back()) && edge(line[at + word.len()..].chars().next()))
}

#[derive(Default)]
struct Findings(String);

impl Findings {
    fn add(&mut self, path: &str, line: usize, what: &str) {
        let _ = writeln!(self.0, "  {path}:{line}: {what}");
    }

    fn none(self, rule: &str) {
        assert!(self.0.is_empty(), "{rule}\n{}", self.0);
    }
}

/// What each package of ours may import of ours. A new package needs a row, and a reason in ARCHITECTURE.md.
const MAY_IMPORT: [(&str, &str, &[&str]); 8] = [
    ("src-tauri/crates/wechatpay", "wechatpay", &[]),
    ("src-tauri/crates/door", "guitai-door", &[]),
    ("src-tauri/crates/sandbox", "wechatpay-sandbox", &["wechatpay", "guitai-door"]),
    ("src-tauri/crates/console", "guitai-console", &["wechatpay", "guitai-door"]),
    ("src-tauri/crates/certify", "guitai-certify", &["wechatpay"]),
    ("src-tauri/crates/cli", "guitai-cli", &["wechatpay", "guitai-console", "wechatpay-sandbox", "guitai-certify"]),
    ("src-tauri", "guitai-desktop", &["wechatpay", "guitai-console", "wechatpay-sandbox", "guitai-certify"]),
    ("tests", "guitai-tests", &["wechatpay", "guitai-door", "guitai-console", "wechatpay-sandbox", "guitai-certify"]),
];

#[test]
fn packages_import_only_what_the_map_allows() {
    let mut findings = Findings::default();
    for source in sources().iter().filter(|source| source.path.ends_with("Cargo.toml") && source.path != "Cargo.toml") {
        let folder = source.path.trim_end_matches("/Cargo.toml");
        let Some((_, _, allowed)) = MAY_IMPORT.iter().find(|(place, ..)| *place == folder) else {
            findings.add(&source.path, 1, "a package that this test and ARCHITECTURE.md don't know");
            continue;
        };
        let mut in_dependencies = false;
        for (number, line) in source.text.lines().enumerate() {
            if line.starts_with('[') {
                in_dependencies = line.contains("dependencies");
                continue;
            }
            let name = line.split(['.', ' ', '=']).next().unwrap_or_default();
            let ours = MAY_IMPORT.iter().any(|(_, package, _)| *package == name);
            if in_dependencies && ours && !allowed.contains(&name) {
                findings.add(&source.path, number + 1, &format!("may not import {name}"));
            }
        }
    }
    findings.none("imports between packages go against ARCHITECTURE.md:");
}

#[test]
fn libraries_are_named_only_where_they_belong() {
    const WHERE: [(&str, &[&str]); 7] = [
        ("rusqlite", &["src-tauri/crates/console/src/store/", "src-tauri/crates/sandbox/src/store", "tests/"]),
        ("rusqlite_migration", &["src-tauri/crates/console/src/store/", "src-tauri/crates/sandbox/src/store"]),
        ("hyper", &["src-tauri/crates/door/", "tests/"]),
        ("hyper_util", &["src-tauri/crates/door/", "tests/"]),
        ("tiny_http", &["src-tauri/crates/cli/src/catch"]),
        (
            "reqwest",
            &[
                "src-tauri/crates/console/src/gateway",
                "src-tauri/crates/console/src/replay",
                "src-tauri/crates/console/src/forward",
                "src-tauri/crates/console/src/tunnel",
                "src-tauri/crates/sandbox/src/postman",
                "src-tauri/crates/certify/src/",
                "tests/",
            ],
        ),
        ("tauri", &["src-tauri/src/", "src-tauri/build.rs"]),
    ];
    let mut findings = Findings::default();
    for source in sources().iter().filter(|source| source.is("rs")) {
        for (library, places) in WHERE.iter().filter(|(_, places)| !source.starts_with_any(places)) {
            for (number, _) in source.code().filter(|(_, line)| has_word(line, &format!("{library}::"))) {
                findings.add(&source.path, number, &format!("{library} belongs in {places:?}"));
            }
        }
    }
    for source in sources().iter().filter(|source| source.path.starts_with("ui/src/")) {
        let generated_or_door =
            source.path.starts_with("ui/src/backend/call.") || source.path == "ui/src/backend/bindings.ts";
        for (number, _) in source.code().filter(|(_, line)| line.contains("@tauri-apps") && !generated_or_door) {
            findings.add(&source.path, number, "the Tauri API belongs in ui/src/backend/call.ts");
        }
    }
    findings.none("a library outside its place:");
}

#[test]
fn the_protocol_is_pure_and_the_desk_asks_the_machine_in_one_place() {
    const IMPURE: [&str; 10] = [
        "std::fs",
        "TcpStream",
        "TcpListener",
        "UdpSocket",
        "std::env",
        "SystemTime::now",
        "Instant::now",
        "Timestamp::now",
        "tracing::",
        "tokio::",
    ];
    const MACHINE: [&str; 3] = ["SystemTime::now", "Timestamp::now", "OsRng"];
    let mut findings = Findings::default();
    for source in sources().iter().filter(|source| source.is("rs")) {
        let forbidden: &[&str] = if source.path.starts_with("src-tauri/crates/wechatpay/src/") {
            &IMPURE
        } else if source.path.starts_with("src-tauri/crates/console/src/") && !source.path.ends_with("/outside.rs") {
            &MACHINE
        } else {
            continue;
        };
        for (number, line) in source.shipped() {
            for what in forbidden.iter().filter(|what| line.contains(**what)) {
                findings.add(&source.path, number, &format!("{what}: time, randomness and places are handed in"));
            }
        }
    }
    findings.none("something that has to be handed in is taken from the machine:");
}

#[test]
fn names_come_from_the_field() {
    const BANNED: [&str; 3] = ["manager", "helper", "util"];
    let banned = |name: &str| BANNED.iter().any(|word| name.to_lowercase().contains(word));
    let mut findings = Findings::default();
    for path in names_of_files().iter().filter(|path| !path.starts_with("ui/package")) {
        if path.split('/').any(banned) {
            findings.add(path, 1, "a file or folder name");
        }
    }
    for source in sources().iter().filter(|source| source.is("rs") || source.is("ts") || source.is("svelte")) {
        for (number, line) in source.code() {
            let mut words = line.split(|c: char| !c.is_alphanumeric() && c != '_').filter(|word| !word.is_empty());
            while let Some(word) = words.next() {
                if ["mod", "struct", "enum", "trait", "class", "interface"].contains(&word)
                    && words.clone().next().is_some_and(banned)
                {
                    findings.add(&source.path, number, line.trim());
                }
            }
        }
    }
    findings.none("manager, helper and util say nothing about what a thing is for:");
}

#[test]
fn nothing_dangerous_or_unfinished_is_written() {
    // (which files, what, why not)
    const FORBIDDEN: [(&str, &str, &str); 23] = [
        ("rs", "unsafe {", "no unsafe code"),
        ("rs", "unsafe fn", "no unsafe code"),
        ("rs", "unsafe impl", "no unsafe code"),
        ("rs", "allow(unsafe_code)", "the lint is not switched off"),
        ("rs", "todo!", "finish it"),
        ("rs", "unimplemented!", "finish it"),
        ("rs", "dbg!", "left from looking for a fault"),
        ("toml", "panic = \"abort\"", "a panic in one request must not end the desk"),
        ("toml", "panic=", "write it with blanks, so that it is found"),
        ("toml", "panic=abort", "a panic in one request must not end the desk"),
        ("rs", "Pkcs1v15Encrypt", "PKCS#1 v1.5 decryption leaks its timing (RUSTSEC-2023-0071); it must not exist"),
        ("svelte", "{@html", "text from outside is text"),
        ("svelte", "innerHTML", "text from outside is text"),
        ("svelte", "outerHTML", "text from outside is text"),
        ("svelte", "insertAdjacentHTML", "text from outside is text"),
        ("ts", "innerHTML", "text from outside is text"),
        ("ts", "outerHTML", "text from outside is text"),
        ("ts", "insertAdjacentHTML", "text from outside is text"),
        ("ts", "document.write", "text from outside is text"),
        ("ts", "eval(", "no code from text"),
        ("ts", "new Function", "no code from text"),
        ("ts", ".only(", "the other tests would not run"),
        ("ts", ".skip(", "a test that doesn't run proves nothing"),
    ];
    let mut findings = Findings::default();
    for source in &sources() {
        for (number, line) in source.code() {
            for (_, what, why) in
                FORBIDDEN.iter().filter(|(extension, what, _)| source.is(extension) && line.contains(what))
            {
                findings.add(&source.path, number, &format!("{what}: {why}"));
            }
        }
        for (number, line) in source.text.lines().enumerate() {
            if ["FIXME", "XXX:"].iter().any(|mark| line.contains(mark)) {
                findings.add(&source.path, number + 1, "unfinished by its own word");
            }
        }
    }
    findings.none("forbidden in this house:");
}

#[test]
fn the_workspace_denies_unsafe_and_unwinds() {
    let manifest = fs::read_to_string(root().join("Cargo.toml")).expect("the workspace");
    assert!(manifest.contains("unsafe_code = \"deny\""), "the workspace has to deny unsafe code");
    for line in manifest.lines().map(str::trim).filter(|line| line.starts_with("panic")) {
        assert_eq!(line, "panic = \"unwind\"", "a panic in one request must not end the desk");
    }
    const { assert!(cfg!(panic = "unwind"), "and it is built so") };
    for (folder, ..) in MAY_IMPORT.iter().filter(|(folder, ..)| root().join(folder).join("Cargo.toml").exists()) {
        let manifest = fs::read_to_string(root().join(folder).join("Cargo.toml")).expect("a package");
        assert!(
            manifest.contains("[lints]\nworkspace = true"),
            "{folder}/Cargo.toml has to take the lints of the workspace"
        );
    }
}

#[test]
fn files_have_one_reason_to_change() {
    const LIMIT: usize = 600;
    const LIMIT_OF_TESTS: usize = 1_000;
    // Lists without logic may be long.
    const LISTS: [&str; 3] = ["ui/src/backend/bindings.ts", "ui/src/text/", "src-tauri/crates/console/src/wire.rs"];
    let mut findings = Findings::default();
    for source in sources().iter().filter(|source| ["rs", "ts", "svelte", "css", "sh"].iter().any(|it| source.is(it))) {
        let lines = source.text.lines().count();
        let is_test = source.path.starts_with("tests/") || source.path.contains("/tests/");
        let limit = if is_test { LIMIT_OF_TESTS } else { LIMIT };
        if lines > limit && !source.starts_with_any(&LISTS) {
            findings.add(&source.path, lines, &format!("{lines} lines, at most {limit}: split it by reason to change"));
        }
    }
    findings.none("files that do too much:");
}

#[test]
fn every_module_says_what_lives_in_it() {
    let mut findings = Findings::default();
    for source in sources().iter().filter(|source| source.is("rs") && !source.path.ends_with("/names.rs")) {
        if !source.text.starts_with("//!") {
            findings.add(&source.path, 1, "opens with //!, what lives here and what doesn't");
        }
    }
    findings.none("modules without an opening word:");
}

#[test]
fn no_key_or_store_is_tracked() {
    const KINDS: [&str; 8] = ["pem", "p12", "pfx", "key", "der", "db", "sqlite", "sqlite3"];
    // Test material that says so and can be remade; and documents that show what a header looks like.
    const TEST_KEYS: &str = "tests/keys/";
    let mut findings = Findings::default();
    for path in names_of_files().iter().filter(|path| !path.starts_with(TEST_KEYS)) {
        if Path::new(path).extension().is_some_and(|it| KINDS.iter().any(|kind| it == *kind)) {
            findings.add(path, 1, "a key or a store");
        }
    }
    for source in sources().iter().filter(|source| !source.path.starts_with(TEST_KEYS)) {
        let lines: Vec<&str> = source.text.lines().collect();
        for (index, pair) in lines.windows(2).enumerate() {
            let (head, body) = (pair[0].trim_start_matches([' ', '"', '\'']), pair[1].trim());
            let is_base64 =
                body.len() >= 40 && body.chars().all(|c| c.is_ascii_alphanumeric() || "+/=\\\"".contains(c));
            if head.starts_with("-----BEGIN") && head.contains("PRIVATE KEY") && is_base64 {
                findings.add(&source.path, index + 1, "a private key");
            }
        }
    }
    findings.none("keys and stores have no place in the repository:");
    assert!(root().join(TEST_KEYS).join("README.md").exists(), "{TEST_KEYS} says what it is in a README.md");
}

#[test]
fn nothing_of_the_machine_it_was_written_on_is_left() {
    const PLACES: [&str; 4] = ["/home/", "/root/", "/Users/", "/work/"];
    let mut findings = Findings::default();
    for source in
        sources().iter().filter(|source| !source.path.ends_with(".lock") && !source.path.ends_with("package-lock.json"))
    {
        for (number, line) in source.text.lines().enumerate() {
            let absolute = PLACES.iter().any(|place| {
                line.match_indices(place).any(|(at, _)| {
                    !line[..at].chars().next_back().is_some_and(|c| c.is_alphanumeric() || "_-./}".contains(c))
                })
            });
            if absolute {
                findings.add(&source.path, number + 1, line.trim());
            }
        }
    }
    findings.none("absolute paths:");
}

#[test]
fn ignored_tests_are_named_here() {
    // The pictures are made by `make shots`; they show, they don't judge. The doctor's time is measured by `make bench`.
    const ALLOWED: [&str; 3] = [
        "tests/window/",
        "src-tauri/crates/wechatpay/src/doctor/tests/ways.rs",
        "src-tauri/crates/console/src/store/history_tests.rs",
    ];
    let mut findings = Findings::default();
    for source in sources().iter().filter(|source| source.is("rs") && !source.starts_with_any(&ALLOWED)) {
        for (number, _) in source.code().filter(|(_, line)| line.contains("#[ignore")) {
            findings.add(&source.path, number, "a test that doesn't run");
        }
    }
    findings.none("tests that don't run:");
}
