//! One growing file that is cut off at 4 MiB and kept four times over: `x.log`, `x.log.1` (the one before) to `x.log.4`.
//! By size, not by day: a bound in bytes is what a disk needs.

use std::fs::{File, OpenOptions};
use std::io::Write;
use std::path::PathBuf;
use std::time::{Duration, Instant};

/// Bytes of one file.
const BYTES: u64 = 4 * 1024 * 1024;
/// Files of the past.
const PAST: u32 = 4;
/// After a failure nothing is tried for so long: a full disk has better things to do.
const PAUSE: Duration = Duration::from_secs(30);

pub(super) struct Rotating {
    path: PathBuf,
    bytes: u64,
    open: Option<File>,
    written: u64,
    failed: Option<Instant>,
}

impl Rotating {
    pub(super) fn new(path: PathBuf) -> Rotating {
        Rotating { path, bytes: BYTES, open: None, written: 0, failed: None }
    }

    /// Writes one line; false: it is lost.
    pub(super) fn write(&mut self, line: &[u8]) -> bool {
        if self.failed.is_some_and(|at| at.elapsed() < PAUSE) {
            return false;
        }
        let written = self.append(line);
        if written.is_err() {
            self.open = None;
        }
        self.failed = written.is_err().then(Instant::now);
        written.is_ok()
    }

    fn append(&mut self, line: &[u8]) -> std::io::Result<()> {
        let more = u64::try_from(line.len()).unwrap_or(u64::MAX);
        if self.open.is_some() && self.written.saturating_add(more) > self.bytes {
            self.open = None;
            self.turn();
        }
        let file = match &mut self.open {
            Some(file) => file,
            none => {
                if let Some(folder) = self.path.parent() {
                    crate::store::private_folder(folder)?;
                }
                let mut options = OpenOptions::new();
                options.create(true).append(true);
                #[cfg(unix)]
                std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
                let file = options.open(&self.path)?;
                self.written = file.metadata()?.len();
                none.insert(file)
            }
        };
        file.write_all(line)?;
        self.written = self.written.saturating_add(more);
        Ok(())
    }

    /// Moves each file one back; the oldest goes.
    fn turn(&self) {
        let past = |n: u32| {
            let mut name = self.path.clone().into_os_string();
            if n > 0 {
                name.push(format!(".{n}"));
            }
            PathBuf::from(name)
        };
        for n in (0..PAST).rev() {
            let _ = std::fs::rename(past(n), past(n + 1));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn five_files_at_most_the_newest_first() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("logs/x.log");
        let mut file = Rotating { bytes: 100, ..Rotating::new(path.clone()) };
        for n in 0..1_000 {
            assert!(file.write(format!("line {n:04}\n").as_bytes()));
        }
        let mut names: Vec<_> = std::fs::read_dir(folder.path().join("logs"))
            .expect("the folder")
            .map(|entry| entry.expect("a file").file_name().to_string_lossy().into_owned())
            .collect();
        names.sort();
        assert_eq!(names, ["x.log", "x.log.1", "x.log.2", "x.log.3", "x.log.4"]);
        let read = |name: &str| std::fs::read_to_string(folder.path().join("logs").join(name)).expect("a file");
        assert!(names.iter().all(|name| read(name).len() <= 100));
        assert!(read("x.log").ends_with("line 0999\n"));
        assert!(read("x.log.1") < read("x.log"), "older lines lie in older files");
        // a program that starts again goes on where it stopped
        let before = read("x.log");
        assert!(Rotating::new(path).write(b"again\n"));
        assert_eq!(read("x.log"), before + "again\n");
    }

    #[test]
    fn after_a_failure_it_waits() {
        let folder = tempfile::tempdir().expect("a folder");
        std::fs::write(folder.path().join("logs"), b"not a folder").expect("written");
        let mut file = Rotating::new(folder.path().join("logs/x.log"));
        assert!(!file.write(b"lost\n"));
        std::fs::remove_file(folder.path().join("logs")).expect("gone");
        assert!(!file.write(b"lost too: it is not tried yet\n"));
        file.failed = None;
        assert!(file.write(b"kept\n"));
    }
}
