//! Opening the desk for one command and closing it again.

use crate::Context;
use crate::failure::Failure;
use crate::files;
use guitai_console::{Console, Options, Outside, Secret};
use std::io::IsTerminal;
use std::path::{Path, PathBuf};

/// The data folder, absolute: `--data-dir`, else `GUITAI_DATA_DIR`, else the platform's per-user data folder.
pub fn data_dir(context: &Context) -> Result<PathBuf, Failure> {
    let named = context.global.data_dir.clone();
    let set = || std::env::var_os("GUITAI_DATA_DIR").filter(|folder| !folder.is_empty()).map(PathBuf::from);
    match named.or_else(set) {
        Some(folder) => std::path::absolute(&folder).map_err(|error| Failure::file(&folder, &error)),
        None => Ok(guitai_console::default_data_dir()?),
    }
}

/// Opens the desk on `folder`. Nobody is asked for anything: a passphrase comes from `GUITAI_PASSPHRASE_FILE`.
/// `interactive` where somebody sits in front of it, so that a keychain may be asked.
pub async fn open(folder: &Path, interactive: bool) -> Result<Console, Failure> {
    let passphrase = match std::env::var_os("GUITAI_PASSPHRASE_FILE").filter(|file| !file.is_empty()) {
        Some(file) => Some(Secret::from_bytes(files::read(Path::new(&file))?)),
        None => None,
    };
    let options = Options { data_dir: folder.to_owned(), passphrase, interactive, outside: Outside::real() };
    Ok(Console::open(options).await?)
}

/// Opens the desk, lets `verb` work with it and closes it, whatever came of it.
pub async fn with<T>(context: &Context, verb: impl AsyncFnOnce(&Console) -> Result<T, Failure>) -> Result<T, Failure> {
    let console = open(&data_dir(context)?, std::io::stdin().is_terminal()).await?;
    tell(context, &console);
    let result = verb(&console).await;
    tell(context, &console);
    console.close().await;
    result
}

/// Notes what the desk wants people to know, such as how secrets are sealed.
fn tell(context: &Context, console: &Console) {
    for notice in console.take_notices() {
        context.out.note(context.out.language().say(&notice));
    }
}

impl Context {
    /// The merchant profile that was named, if one was.
    pub fn merchant(&self) -> Option<&str> {
        self.global.merchant.as_deref()
    }
}
