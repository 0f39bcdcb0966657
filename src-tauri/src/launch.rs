//! What has to hold before GTK is touched: arguments that are ours, a screen, a locale that WebKit understands.
//! Nothing here starts a thread; `main` calls it first.

use std::env;
use std::ffi::OsString;
use std::path::PathBuf;

/// What the arguments ask for.
#[derive(Debug, PartialEq, Eq)]
pub enum Launch {
    /// Open the window.
    Open(Options),
    /// Print this and end.
    Say(String),
}

/// How to open the window.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Options {
    /// Where the store lives; `None`: `GUITAI_DATA_DIR`, else the platform's per-user data folder.
    pub data_dir: Option<PathBuf>,
    /// Don't start the embedded sandbox.
    pub without_sandbox: bool,
}

const USAGE: &str = "guitai-desktop [--data-dir DIR] [--without-sandbox] [--version] [--help]
  --data-dir DIR      where the store lives (or GUITAI_DATA_DIR; default: your data folder)
  --without-sandbox   don't start the embedded sandbox";

/// Reads the arguments (without the program's name).
///
/// # Errors
/// A sentence that names the argument that isn't ours.
pub fn parse(arguments: impl IntoIterator<Item = OsString>) -> Result<Launch, String> {
    let mut options = Options::default();
    let mut arguments = arguments.into_iter();
    while let Some(argument) = arguments.next() {
        match argument.to_str() {
            Some("--help" | "-h") => return Ok(Launch::Say(USAGE.to_owned())),
            Some("--version" | "-V") => {
                return Ok(Launch::Say(format!("guitai-desktop {}", env!("CARGO_PKG_VERSION"))));
            }
            Some("--without-sandbox") => options.without_sandbox = true,
            Some("--data-dir") => {
                let folder = arguments.next().filter(|folder| !folder.is_empty());
                options.data_dir = Some(folder.ok_or("--data-dir needs a folder")?.into());
            }
            Some(text) if text.starts_with("--data-dir=") && text != "--data-dir=" => {
                options.data_dir = text.strip_prefix("--data-dir=").map(PathBuf::from);
            }
            _ => {
                return Err(format!("unknown argument {}\n{USAGE}", argument.to_string_lossy()));
            }
        }
    }
    Ok(Launch::Open(options))
}

/// Is there a screen to open a window on? Without one GTK panics with a backtrace instead of a sentence.
#[must_use]
pub fn has_display() -> bool {
    cfg!(not(target_os = "linux")) || ["DISPLAY", "WAYLAND_DISPLAY"].iter().any(|name| variable(name).is_some())
}

/// With `LANG=C.UTF-8` (the default in containers) WebKit calls the user's language `C`, and every `Intl` constructor that
/// takes it throws. Such a locale is replaced by `en_US.UTF-8`; the window's own language doesn't depend on it.
///
/// Changing the environment of a running process is `unsafe`, because another thread may be reading it, and this house
/// has no unsafe code. So the process replaces itself by itself with the mended environment: same process id, same
/// arguments, some milliseconds, once (the mended locale isn't mended again).
#[cfg(unix)]
pub fn mend_locale() {
    use std::os::unix::process::CommandExt;
    if !breaks_webkit(variable) {
        return;
    }
    let Ok(program) = env::current_exe() else {
        return;
    };
    let mut again = std::process::Command::new(program);
    again.args(env::args_os().skip(1)).env_remove("LC_ALL").env_remove("LC_MESSAGES").env("LANG", "en_US.UTF-8");
    let error = again.exec(); // returns only when it failed
    eprintln!("guitai-desktop: goes on with the locale it was given ({error})");
}

/// Only WebKitGTK has this fault.
#[cfg(not(unix))]
pub fn mend_locale() {}

/// Does the locale that counts say `C.…` or `POSIX`? Plain `C` and none at all are harmless.
fn breaks_webkit(get: impl Fn(&str) -> Option<String>) -> bool {
    let locale = ["LC_ALL", "LC_MESSAGES", "LANG"].into_iter().find_map(get).unwrap_or_default();
    locale.starts_with("C.") || locale == "POSIX"
}

/// The language of the system: `zh` on a Chinese one, else `en`. The user's own choice in the settings goes before it.
#[must_use]
pub fn system_language() -> &'static str {
    language(variable)
}

fn language(get: impl Fn(&str) -> Option<String>) -> &'static str {
    let locale = ["LANGUAGE", "LC_ALL", "LC_MESSAGES", "LANG"].into_iter().find_map(get).unwrap_or_default();
    if locale.to_lowercase().starts_with("zh") { "zh" } else { "en" }
}

fn variable(name: &str) -> Option<String> {
    env::var(name).ok().filter(|value| !value.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(arguments: &[&str]) -> Result<Launch, String> {
        parse(arguments.iter().map(OsString::from))
    }

    fn among<'a>(pairs: &'a [(&'a str, &'a str)]) -> impl Fn(&str) -> Option<String> + 'a {
        move |name| pairs.iter().find(|(it, _)| *it == name).map(|(_, value)| (*value).to_owned())
    }

    #[test]
    fn arguments() {
        let opened = |data_dir: Option<&str>, without_sandbox| {
            Launch::Open(Options { data_dir: data_dir.map(PathBuf::from), without_sandbox })
        };
        assert_eq!(parsed(&[]), Ok(opened(None, false)));
        assert_eq!(parsed(&["--data-dir", "d"]), Ok(opened(Some("d"), false)));
        assert_eq!(parsed(&["--data-dir=d e", "--without-sandbox"]), Ok(opened(Some("d e"), true)));
        for wrong in [&["--data-dir"][..], &["--data-dir", ""], &["--data-dir="], &["--port"], &["file"]] {
            assert!(parsed(wrong).is_err(), "{wrong:?}");
        }
        assert!(matches!(parsed(&["--help", "--nonsense"]), Ok(Launch::Say(_))));
    }

    #[test]
    fn locales_that_break_webkit() {
        for (pairs, broken) in [
            (&[("LANG", "C.UTF-8")][..], true),
            (&[("LANG", "POSIX")], true),
            (&[("LANG", "en_US.UTF-8"), ("LC_ALL", "C.UTF-8")], true),
            (&[("LANG", "C.UTF-8"), ("LC_ALL", "zh_CN.UTF-8")], false),
            (&[("LANG", "C")], false),
            (&[("LANG", "zh_CN.UTF-8")], false),
            (&[], false),
        ] {
            assert_eq!(breaks_webkit(among(pairs)), broken, "{pairs:?}");
        }
    }

    #[test]
    fn language_of_the_system() {
        for (pairs, expected) in [
            (&[("LANG", "zh_CN.UTF-8")][..], "zh"),
            (&[("LANG", "en_US.UTF-8"), ("LANGUAGE", "zh_CN:en")], "zh"),
            (&[("LANG", "zh_CN.UTF-8"), ("LC_ALL", "en_US.UTF-8")], "en"),
            (&[("LANG", "de_DE.UTF-8")], "en"),
            (&[], "en"),
        ] {
            assert_eq!(language(among(pairs)), expected, "{pairs:?}");
        }
    }
}
