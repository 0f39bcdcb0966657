//! Reading what an argument names: files and stdin (`-`), bounded, with secrets kept out of ordinary strings.

use crate::failure::{Done, Failure};
use crate::text::both;
use std::fs::File;
use std::io::Read;
use std::path::Path;
use zeroize::Zeroizing;

/// The most that a file named on the command line may hold: 1 MiB, more than any key, body or resource.
const MOST: u64 = 1 << 20;

/// The most that a message for the doctor may hold: uploads are larger than any other request.
const MESSAGE: u64 = 32 << 20;

/// The bytes of `path`; `-` is stdin.
pub fn read(path: &Path) -> Result<Vec<u8>, Failure> {
    read_up_to(path, MOST)
}

/// The bytes of a request or notification as it was sent, an upload among them; `-` is stdin.
pub fn read_message(path: &Path) -> Result<Vec<u8>, Failure> {
    read_up_to(path, MESSAGE)
}

fn read_up_to(path: &Path, most: u64) -> Result<Vec<u8>, Failure> {
    let mut bytes = Vec::new();
    if path.as_os_str() == "-" {
        take(path, &mut std::io::stdin().lock(), &mut bytes, most)?;
    } else {
        let mut file = File::open(path).map_err(|error| Failure::file(path, &error))?;
        if file.metadata().is_ok_and(|facts| facts.is_dir()) {
            return Err(Failure::file(path, &"it is a folder"));
        }
        take(path, &mut file, &mut bytes, most)?;
    }
    Ok(bytes)
}

fn take(path: &Path, from: &mut dyn Read, bytes: &mut Vec<u8>, most: u64) -> Done {
    from.take(most + 1).read_to_end(bytes).map_err(|error| Failure::file(path, &error))?;
    if bytes.len() as u64 > most {
        return Err(Failure::file(path, &format!("it holds more than {} MiB", most >> 20)));
    }
    Ok(())
}

/// The text of `path`, which must be UTF-8.
pub fn read_text(path: &Path) -> Result<String, Failure> {
    String::from_utf8(read(path)?).map_err(|_| Failure::file(path, &"it is not UTF-8 text"))
}

/// A secret of one line: what the file holds without the white space around it. The copy is wiped when it is dropped.
pub fn read_secret(path: &Path) -> Result<Zeroizing<String>, Failure> {
    let bytes = Zeroizing::new(read(path)?);
    let text = std::str::from_utf8(&bytes).map_err(|_| Failure::file(path, &"it is not UTF-8 text"))?;
    Ok(Zeroizing::new(text.trim().to_owned()))
}

/// The ready line of `guitai sandbox`, as it was written to `path`: the first JSON object in it.
pub fn read_sandbox(path: &Path) -> Result<serde_json::Value, Failure> {
    let text = read_text(path)?;
    let found = serde_json::Deserializer::from_str(&text).into_iter::<serde_json::Value>().next();
    match found {
        Some(Ok(value)) if value.is_object() => Ok(value),
        _ => Err(Failure::refused(
            "SANDBOX_FILE_UNUSABLE",
            both(
                format!("文件 {} 里没有沙箱的就绪信息。", path.display()),
                format!("The file {} doesn't hold the ready line of a sandbox.", path.display()),
            ),
            both(
                "用 `guitai sandbox > sandbox.json` 启动沙箱，再把该文件交给这里。",
                "Start one with `guitai sandbox > sandbox.json` and give that file.",
            ),
        )),
    }
}
