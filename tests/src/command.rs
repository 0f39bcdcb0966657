//! The built `guitai` binary as people and scripts use it: run to its end, or serving until it is asked to stop.

use serde_json::Value;
use std::io::{BufRead, BufReader, Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;
use tempfile::TempDir;

/// How long a line or an end may take before a test gives up: long enough for a loaded machine.
const PATIENCE: Duration = Duration::from_secs(60);

/// Where `guitai` lies: beside the folder of the test that runs, or where `GUITAI_BINARY` says (a release build).
///
/// # Panics
/// When it isn't built, with how to build it.
#[must_use]
pub fn binary() -> PathBuf {
    if let Some(binary) = std::env::var_os("GUITAI_BINARY") {
        return binary.into();
    }
    let test = std::env::current_exe().expect("the path of this test");
    let folder = test.parent().and_then(Path::parent).expect("target/PROFILE/deps/test");
    let binary = folder.join(format!("guitai{}", std::env::consts::EXE_SUFFIX));
    assert!(binary.exists(), "{} is not built: cargo build -p guitai-cli (make test does it first)", binary.display());
    binary
}

/// A data folder, and `guitai` working on it, in English, with nothing of the caller's environment that matters.
#[derive(Debug)]
pub struct Guitai {
    folder: TempDir,
}

impl Default for Guitai {
    fn default() -> Self {
        Self::new()
    }
}

impl Guitai {
    /// On an empty data folder.
    ///
    /// # Panics
    /// When no temporary folder can be made.
    #[must_use]
    pub fn new() -> Self {
        Guitai { folder: tempfile::tempdir().expect("a temporary folder") }
    }

    /// A path in the folder that holds the data folder.
    #[must_use]
    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Writes a file there.
    ///
    /// # Panics
    /// When it can't be written.
    #[must_use]
    pub fn file(&self, name: &str, content: impl AsRef<[u8]>) -> String {
        let path = self.path(name);
        std::fs::write(&path, content).expect("a file in the temporary folder");
        path.to_str().expect("a path in UTF-8").to_owned()
    }

    /// The command with these arguments, not started yet.
    #[must_use]
    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(binary());
        command
            .args(arguments)
            .env("GUITAI_DATA_DIR", self.path("data"))
            .env("GUITAI_LANG", "en")
            .env("TMPDIR", self.folder.path());
        for name in ["NO_COLOR", "GUITAI_LOG", "GUITAI_PASSPHRASE_FILE", "LC_ALL", "LANG"] {
            command.env_remove(name);
        }
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }

    /// Runs it to its end.
    #[must_use]
    pub fn run(&self, arguments: &[&str]) -> Ran {
        finish(self.command(arguments), b"")
    }

    /// Runs it with `--json` and expects success and one JSON document.
    ///
    /// # Panics
    /// When it fails.
    #[must_use]
    pub fn json(&self, arguments: &[&str]) -> Value {
        let ran = self.run(&[arguments, &["--json"]].concat());
        assert_eq!(ran.status, Some(0), "{arguments:?}\nstdout: {}\nstderr: {}", ran.stdout, ran.stderr);
        ran.document()
    }

    /// Runs it with `--json` and expects this exit status and an error document; the error.
    ///
    /// # Panics
    /// When it ends otherwise.
    #[must_use]
    pub fn error(&self, status: i32, arguments: &[&str]) -> Value {
        let ran = self.run(&[arguments, &["--json"]].concat());
        assert_eq!(ran.status, Some(status), "{arguments:?}\nstdout: {}\nstderr: {}", ran.stdout, ran.stderr);
        let document = ran.document();
        for part in ["code", "message", "hint"] {
            let text = document["error"][part].as_str().unwrap_or_default();
            assert!(!text.is_empty(), "{arguments:?}: no {part} in {document}");
        }
        document["error"].clone()
    }

    /// Starts a command that goes on, and waits for its first line, which must be JSON.
    ///
    /// # Panics
    /// When it doesn't get ready.
    #[must_use]
    pub fn serve(&self, arguments: &[&str]) -> Serving {
        let mut serving = Serving::start(self.command(arguments));
        serving.ready = serving.line();
        serving
    }

    /// A sandbox on free ports, with its ready line in a file; and that file.
    ///
    /// # Panics
    /// When it doesn't get ready.
    #[must_use]
    pub fn sandbox(&self) -> (Serving, String) {
        let sandbox = self.serve(&["sandbox", "--port", "0"]);
        let file = self.file("sandbox.json", sandbox.ready.to_string());
        (sandbox, file)
    }
}

/// Runs a prepared command to its end with this on stdin.
///
/// # Panics
/// When it can't be started or doesn't end.
#[must_use]
pub fn finish(mut command: Command, input: &[u8]) -> Ran {
    if !input.is_empty() {
        command.stdin(Stdio::piped());
    }
    let mut child = command.spawn().expect("guitai starts");
    if let Some(mut stdin) = child.stdin.take() {
        let _ = stdin.write_all(input);
    }
    let out = child.wait_with_output().expect("guitai ends");
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    Ran { status: out.status.code(), stdout: text(&out.stdout), stderr: text(&out.stderr) }
}

/// How a command ended.
#[derive(Debug)]
pub struct Ran {
    /// Exit status; none where a signal ended it.
    pub status: Option<i32>,
    /// What it printed.
    pub stdout: String,
    /// What it noted.
    pub stderr: String,
}

impl Ran {
    /// stdout as exactly one JSON document.
    ///
    /// # Panics
    /// When it is none, or more than one.
    #[must_use]
    pub fn document(&self) -> Value {
        serde_json::from_str(&self.stdout)
            .unwrap_or_else(|error| panic!("{error} in stdout: {:?}\nstderr: {}", self.stdout, self.stderr))
    }

    /// stdout as a JSON object a line.
    ///
    /// # Panics
    /// When a line is none.
    #[must_use]
    pub fn lines(&self) -> Vec<Value> {
        let parse = |line: &str| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error} in {line:?}"));
        self.stdout.lines().map(parse).collect()
    }
}

/// A command that goes on; it is killed when the test ends however it ends.
#[derive(Debug)]
pub struct Serving {
    child: Child,
    lines: Receiver<String>,
    notes: Receiver<String>,
    /// Its first line.
    pub ready: Value,
}

impl Serving {
    /// Starts it and waits for nothing.
    ///
    /// # Panics
    /// When it can't be started.
    #[must_use]
    pub fn start(mut command: Command) -> Self {
        let mut child = command.spawn().expect("guitai starts");
        let lines = pump(child.stdout.take().expect("stdout is piped"));
        let notes = pump(child.stderr.take().expect("stderr is piped"));
        Serving { child, lines, notes, ready: Value::Null }
    }

    /// The next line of stdout, which must be JSON.
    ///
    /// # Panics
    /// When none comes, or it isn't.
    pub fn line(&mut self) -> Value {
        match self.lines.recv_timeout(PATIENCE) {
            Ok(line) => serde_json::from_str(&line).unwrap_or_else(|error| panic!("{error} in {line:?}")),
            Err(error) => panic!("no line: {error}; stderr: {:?}", self.notes.try_iter().collect::<Vec<_>>()),
        }
    }

    /// Forgets what it printed so far; how many lines that were.
    pub fn drain(&mut self) -> usize {
        self.notes.try_iter().count() + self.lines.try_iter().count()
    }

    /// The next line of stderr.
    ///
    /// # Panics
    /// When none comes.
    #[must_use]
    pub fn note(&mut self) -> String {
        self.notes.recv_timeout(PATIENCE).expect("a line on stderr")
    }

    /// Everything on stdout and stderr that was not read yet; to its end, where the process has ended.
    #[must_use]
    pub fn rest(&mut self) -> (String, String) {
        let all = |from: &Receiver<String>| from.iter().collect::<Vec<_>>().join("\n");
        (all(&self.lines), all(&self.notes))
    }

    /// Its process id.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Sends a signal by its name (`TERM`, `INT`, `KILL`) and waits for the end.
    ///
    /// # Panics
    /// When it doesn't end.
    pub fn signal(&mut self, name: &str) -> ExitStatus {
        let pid = self.child.id().to_string();
        let sent = Command::new("kill").args([format!("-{name}"), pid]).status().expect("kill runs");
        assert!(sent.success(), "the process was gone before the signal");
        self.child.wait().expect("it ends")
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn pump(from: impl Read + Send + 'static) -> Receiver<String> {
    let (lines, receiver) = channel();
    std::thread::spawn(move || {
        for line in BufReader::new(from).lines().map_while(Result::ok) {
            if lines.send(line).is_err() {
                return;
            }
        }
    });
    receiver
}

/// The `Authorization` of a call by the merchant of a sandbox's ready line, signed now.
///
/// # Panics
/// When the ready line lacks something.
#[must_use]
pub fn authorization(ready: &Value, method: &str, target: &str, body: &str) -> String {
    let text = |name: &str| ready[name].as_str().unwrap_or_else(|| panic!("{name} in the ready line"));
    let signer = wechatpay::sign::Signer {
        mchid: wechatpay::ids::Mchid::parse(text("mchid")).expect("an mchid"),
        serial_no: wechatpay::ids::SerialNo::parse(text("merchant_serial_no")).expect("a serial"),
        key: crate::house::read_key(Path::new(text("merchant_private_key"))),
    };
    let now = wechatpay::time::Timestamp::now();
    let nonce = format!("n{}", now.as_nanosecond());
    signer.authorization(method, target, body.as_bytes(), now.as_second(), &nonce).authorization
}

/// A signed call to a sandbox's gateway; status and JSON answer (null where there is none).
///
/// # Panics
/// When no answer comes.
pub async fn call(ready: &Value, method: &str, target: &str, body: &Value) -> (u16, Value) {
    let body = if body.is_null() { String::new() } else { body.to_string() };
    let url = format!("{}{target}", ready["base_url"].as_str().expect("base_url"));
    let method_of = reqwest::Method::from_bytes(method.as_bytes()).expect("a method");
    let request = http()
        .request(method_of, url)
        .header("authorization", authorization(ready, method, target, &body))
        .header("accept", "application/json")
        .header("user-agent", "guitai-test/1")
        .header("content-type", "application/json")
        .body(body);
    let answer = request.send().await.expect("an answer");
    let status = answer.status().as_u16();
    let body = answer.bytes().await.expect("a whole answer");
    (status, serde_json::from_slice(&body).unwrap_or(Value::Null))
}

/// The sandbox's controls and anything else over HTTP on loopback, whatever proxies the machine has.
#[must_use]
pub fn http() -> reqwest::Client {
    reqwest::Client::builder().no_proxy().timeout(PATIENCE).build().expect("an HTTP client")
}

/// `POST`s JSON and returns status and JSON answer (null where there is none).
///
/// # Panics
/// When no answer comes.
pub async fn post(url: &str, body: &Value) -> (u16, Value) {
    let request = http().post(url).header("content-type", "application/json").body(body.to_string());
    let answer = request.send().await.expect("an answer");
    let status = answer.status().as_u16();
    let body = answer.bytes().await.expect("a whole answer");
    (status, serde_json::from_slice(&body).unwrap_or(Value::Null))
}

/// `GET`s JSON.
///
/// # Panics
/// When no JSON answer comes.
pub async fn get(url: &str) -> Value {
    let answer = http().get(url).send().await.expect("an answer");
    serde_json::from_slice(&answer.bytes().await.expect("a whole answer")).expect("JSON")
}
