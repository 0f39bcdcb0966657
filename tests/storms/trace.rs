//! What a process did to its files and sockets, read from what `strace` wrote down, and the disk as it may look after
//! the power went at any moment of it.
//!
//! The rule is the one that a program may rely on: a write is on the disk once a sync of its file, begun after the write
//! had ended, has ended. Everything later may be there, be missing, or be there in part (sectors of 512 bytes), whatever
//! came before or after it; a new file's name is there once its folder was synced.

use crate::shop::Dice;
use std::collections::{BTreeMap, HashMap};
use std::path::Path;
use std::process::Command;

/// Something that was done, from the line of the record where it began to that where it had ended.
#[derive(Debug)]
pub struct Done {
    pub began: usize,
    pub ended: usize,
    pub what: What,
}

#[derive(Debug)]
pub enum What {
    Created {
        file: String,
    },
    Write {
        file: String,
        at: usize,
        bytes: Vec<u8>,
    },
    Truncate {
        file: String,
        len: usize,
    },
    Sync {
        file: String,
    },
    /// The first bytes that came on a connection in one read.
    Read {
        connection: String,
        bytes: Vec<u8>,
    },
    Sent {
        connection: String,
        bytes: Vec<u8>,
    },
}

/// A command under `strace`, its record in `record`; `None` where there is no strace or it may not trace.
pub fn traced(command: &Command, record: &Path, options: &[&str]) -> Option<Command> {
    let may = Command::new("strace").args(["-o", "/dev/null", "true"]).output();
    if !may.is_ok_and(|ran| ran.status.success()) {
        return None;
    }
    let mut traced = Command::new("strace");
    // -D: strace is the grandchild, so signals and the exit status are the traced command's own
    traced.args(["-D", "-f", "-o"]).arg(record).args(options).arg(command.get_program()).args(command.get_args());
    for (name, value) in command.get_envs() {
        match value {
            Some(value) => traced.env(name, value),
            None => traced.env_remove(name),
        };
    }
    Some(traced)
}

/// Options that record all of it: whole buffers, as hex, with the names of files.
pub const ALL: [&str; 6] = [
    "-y",
    "-xx",
    "-s",
    "70000",
    "-e",
    "trace=openat,pwrite64,write,writev,sendto,recvfrom,read,fsync,fdatasync,ftruncate",
];

/// Reads a record.
pub fn read(record: &str) -> Vec<Done> {
    let mut open: HashMap<&str, (usize, String)> = HashMap::new();
    let mut all = Vec::new();
    for (line, text) in record.lines().enumerate() {
        let Some((pid, call)) = text.split_once(' ') else { continue };
        let call = call.trim_start();
        if let Some(begun) = call.strip_suffix(" <unfinished ...>") {
            open.insert(pid, (line, begun.to_owned()));
            continue;
        }
        let (began, whole) = match call.strip_prefix("<... ") {
            Some(rest) => {
                let Some((began, begun)) = open.remove(pid) else { continue };
                let Some((_, rest)) = rest.split_once(" resumed>") else { continue };
                (began, begun + rest)
            }
            None => (line, call.to_owned()),
        };
        if let Some(what) = understood(&whole) {
            all.push(Done { began, ended: line, what });
        }
    }
    all.sort_by_key(|done| done.began);
    all
}

fn understood(call: &str) -> Option<What> {
    let (name, rest) = call.split_once('(')?;
    let (arguments, result) = rest.rsplit_once(" = ")?;
    let result = result.split([' ', '<']).next()?.parse::<i64>().ok()?;
    if result < 0 {
        return None;
    }
    let place = || Some(text(rest.split_once('<')?.1.split_once('>')?.0));
    let data = || Some(bytes(arguments.split('"').nth(1)?));
    let last = || arguments.trim_end().trim_end_matches(')').rsplit(", ").next()?.parse::<usize>().ok();
    Some(match name {
        "openat" if arguments.contains("O_CREAT") => What::Created { file: text(arguments.split('"').nth(1)?) },
        "pwrite64" => {
            let mut bytes = data()?;
            bytes.truncate(usize::try_from(result).ok()?);
            What::Write { file: place()?, at: last()?, bytes }
        }
        "ftruncate" => What::Truncate { file: place()?, len: last()? },
        "fsync" | "fdatasync" => What::Sync { file: place()? },
        "recvfrom" | "read" if arguments.contains("socket") || arguments.contains("\\x73\\x6f\\x63\\x6b") => {
            What::Read { connection: place()?, bytes: data()? }
        }
        "sendto" | "write" | "writev" if arguments.contains("socket") || arguments.contains("\\x73\\x6f\\x63\\x6b") => {
            What::Sent { connection: place()?, bytes: data()? }
        }
        _ => return None,
    })
}

/// `\x41\x42` and plain characters beside each other.
fn bytes(escaped: &str) -> Vec<u8> {
    let (mut out, mut rest) = (Vec::with_capacity(escaped.len() / 4), escaped.as_bytes());
    while let Some((first, after)) = rest.split_first() {
        let hex = (rest.starts_with(b"\\x") && rest.len() >= 4)
            .then(|| std::str::from_utf8(&rest[2..4]).ok().and_then(|two| u8::from_str_radix(two, 16).ok()))
            .flatten();
        match hex {
            Some(byte) => {
                out.push(byte);
                rest = &rest[4..];
            }
            None => {
                out.push(*first);
                rest = after;
            }
        }
    }
    out
}

fn text(escaped: &str) -> String {
    String::from_utf8_lossy(&bytes(escaped)).into_owned()
}

/// When the answer 204 to each delivery began to leave: the delivery's nonce and the line.
pub fn acknowledged(all: &[Done]) -> Vec<(usize, String)> {
    let mut asked: HashMap<&str, String> = HashMap::new();
    let mut acks = Vec::new();
    for done in all {
        match &done.what {
            What::Read { connection, bytes } => {
                let head = String::from_utf8_lossy(bytes);
                let nonce = head.lines().find_map(|line| {
                    let (name, value) = line.split_once(':')?;
                    name.eq_ignore_ascii_case("wechatpay-nonce").then(|| value.trim().to_owned())
                });
                if let Some(nonce) = nonce {
                    asked.insert(connection, nonce);
                }
            }
            What::Sent { connection, bytes } if bytes.starts_with(b"HTTP/1.1 204") => {
                let nonce = asked.remove(connection.as_str()).expect("an answer to something that was read");
                acks.push((done.began, nonce));
            }
            _ => {}
        }
    }
    acks
}

/// A disk that lies about its syncs, or one that does not.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Disk {
    Honest,
    Lying,
}

/// The store's files in `folder` as they may be found after the power went at `cut`, from what they were `before`.
pub fn after_cut(
    all: &[Done],
    cut: usize,
    folder: &Path,
    before: &BTreeMap<String, Vec<u8>>,
    disk: Disk,
    dice: &mut Dice,
) -> BTreeMap<String, Vec<u8>> {
    let path = |name: &str| folder.join(name).to_str().expect("UTF-8").to_owned();
    let mut syncs: HashMap<&str, usize> = HashMap::new();
    for done in all.iter().filter(|done| disk == Disk::Honest && done.ended < cut) {
        if let What::Sync { file } = &done.what {
            syncs.insert(file, done.began);
        }
    }
    // the last of a file's syncs that had ended at the cut: what had ended when it began is on the disk
    let synced_after = |file: &str, ended: usize| syncs.get(file).is_some_and(|began| *began > ended);
    let mut image = before.clone();
    for name in ["guitai.db", "guitai.db-wal"] {
        let file = path(name);
        let made = all.iter().find(|done| matches!(&done.what, What::Created { file: made } if *made == file));
        let named = before.contains_key(name)
            || made.is_some_and(|made| synced_after(folder.to_str().expect("UTF-8"), made.ended))
            || dice.roll(2) == 0;
        if !named {
            continue;
        }
        let of_file = |done: &&Done| {
            done.began < cut
                && match &done.what {
                    What::Write { file: it, .. } | What::Truncate { file: it, .. } => *it == file,
                    _ => false,
                }
        };
        let (safe, mut open): (Vec<&Done>, Vec<&Done>) =
            all.iter().filter(of_file).partition(|done| done.ended < cut && synced_after(&file, done.ended));
        let content = image.entry(name.to_owned()).or_default();
        for done in safe {
            apply(content, &done.what, None);
        }
        dice.shuffle(&mut open);
        // some cuts lose nearly everything that was not synced, some nearly nothing
        let kept = dice.roll(5);
        for done in open {
            match dice.roll(4) {
                0 => apply(content, &done.what, Some(dice)),
                lot if lot <= kept => apply(content, &done.what, None),
                _ => {}
            }
        }
    }
    image
}

/// Does to a file what was done; with dice only some sectors of it.
fn apply(content: &mut Vec<u8>, what: &What, mut torn: Option<&mut Dice>) {
    match what {
        What::Truncate { len, .. } => content.resize(*len, 0),
        What::Write { at, bytes, .. } => {
            let mut from = 0;
            while from < bytes.len() {
                // to the next border of a sector of the file
                let to = bytes.len().min((at + from) / 512 * 512 + 512 - at);
                if torn.as_deref_mut().is_none_or(|dice| dice.roll(2) == 0) {
                    if content.len() < at + to {
                        content.resize(at + to, 0);
                    }
                    content[at + from..at + to].copy_from_slice(&bytes[from..to]);
                }
                from = to;
            }
        }
        _ => {}
    }
}
