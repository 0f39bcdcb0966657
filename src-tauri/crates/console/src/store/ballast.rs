//! 16 MiB that lie beside the store for the day on which the disk is full. The first commit that finds no room gives
//! them back and is tried again, so that some hundred callbacks more can be kept while somebody makes room; once there
//! is plenty again they are taken anew.

use crate::outside::free_bytes;
use std::fs::File;
use std::io::{Read as _, Write as _};
use std::path::{Path, PathBuf};

/// The file's name beside the store.
const FILE: &str = "guitai.ballast";
/// Its bytes.
pub(super) const SIZE: u64 = 16 * 1024 * 1024;
/// Taken only where so much is free: on a disk that is nearly full it would be the last straw.
const PLENTY: u64 = 4 * SIZE;

/// The ballast of one store. Several processes may share it: whoever needs it first has it.
#[derive(Debug, Clone)]
pub(super) struct Ballast {
    file: PathBuf,
}

impl Ballast {
    pub(super) fn beside(store: &Path) -> Ballast {
        Ballast { file: store.with_file_name(FILE) }
    }

    /// Takes it if it isn't there and there is plenty of room. Nothing depends on it, so nothing is said if it fails.
    pub(super) fn take(&self) {
        if self.file.exists() || self.file.parent().and_then(free_bytes).is_some_and(|free| free < PLENTY) {
            return;
        }
        let taken = File::options().write(true).create_new(true).open(&self.file).and_then(|file| fill(&file));
        if let Err(error) = taken {
            tracing::debug!(%error, "no ballast taken");
            let _ = std::fs::remove_file(&self.file);
        }
    }

    /// Gives it back; was there any?
    pub(super) fn give_back(&self) -> bool {
        std::fs::remove_file(&self.file).is_ok()
    }
}

/// Room that is really taken: a file with a hole in it would hold none. Linux can reserve it without writing it.
fn fill(file: &File) -> std::io::Result<()> {
    #[cfg(target_os = "linux")]
    if rustix::fs::fallocate(file, rustix::fs::FallocateFlags::empty(), 0, SIZE).is_ok() {
        return Ok(());
    }
    let mut file = file;
    std::io::copy(&mut std::io::repeat(0).take(SIZE), &mut file)?;
    file.flush()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_taken_and_given_back_once() {
        let folder = tempfile::tempdir().expect("a folder");
        let ballast = Ballast::beside(&folder.path().join("guitai.db"));
        assert!(!ballast.give_back(), "nothing is there yet");
        for _ in 0..2 {
            ballast.take();
            ballast.take();
            assert_eq!(folder.path().join(FILE).metadata().expect("taken").len(), SIZE);
            assert!(ballast.give_back());
            assert!(!ballast.give_back());
        }
    }
}
