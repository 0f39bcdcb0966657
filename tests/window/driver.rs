//! The real window under WebDriver: a process of its own, on a D-Bus, a home and a data folder of its own, and gone
//! afterwards in any case. What the tests do with it lives beside this file.

use fantoccini::elements::Element;
use fantoccini::error::{CmdError, ErrorStatus};
use fantoccini::key::Key;
use fantoccini::{Client, ClientBuilder, Locator};
use hyper_util::client::legacy::connect::HttpConnector;
use serde_json::{Value, json};
use std::io::{BufRead, BufReader};
use std::net::{TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// What one test may wait for; a debug build on a busy machine makes its keys in this time, too.
const PATIENCE: Duration = Duration::from_secs(40);

/// The language that the system of a test speaks.
#[derive(Clone, Copy)]
pub enum System {
    /// A Chinese desktop.
    Chinese,
    /// An English desktop.
    English,
    /// A container: `LANG=C.UTF-8`, which breaks WebKit unless it is mended.
    Container,
}

/// An open window with all that was started for it.
pub struct Window {
    /// The WebDriver session.
    pub client: Client,
    _processes: Processes,
    folder: TempDir,
}

/// Killed with everything that they started.
struct Processes {
    driver: Child,
    bus: Child,
}

impl Drop for Processes {
    fn drop(&mut self) {
        // The window is a grandchild: its group goes, so that a failed test leaves nothing behind.
        let group = format!("-{}", self.driver.id());
        let _ = Command::new("kill").args(["-KILL", "--", &group]).stderr(Stdio::null()).status();
        let _ = self.driver.wait();
        let _ = self.bus.kill();
        let _ = self.bus.wait();
    }
}

impl Window {
    /// Opens the window on an empty data folder.
    pub async fn open(system: System) -> Window {
        Self::open_in(system, tempfile::tempdir().expect("a temporary folder")).await
    }

    /// Puts a program in front of all others of its name that the window could start.
    pub fn program(&self, name: &str, script: &str) {
        let file = self.folder.path().join("bin").join(name);
        std::fs::create_dir_all(file.parent().expect("bin/")).expect("bin/");
        std::fs::write(&file, script).expect("a script");
        std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o755)).expect("a program");
    }

    /// The home of this window; what it started may write there.
    pub fn home(&self) -> &Path {
        self.folder.path()
    }

    /// Closes the window and opens it again on the same data folder.
    pub async fn reopen(self, system: System) -> Window {
        self.client.clone().close().await.expect("the session ends");
        let Window { _processes, folder, .. } = self;
        drop(_processes);
        Self::open_in(system, folder).await
    }

    /// Opens the window with `folder` as its home; `data` in it may have merchants and orders already, and an
    /// `authority.pem` is trusted in place of the system's.
    pub async fn open_in(system: System, folder: TempDir) -> Window {
        let (bus, address) = start_bus();
        let (driver, url) = start_driver(system, folder.path(), &address);
        let processes = Processes { driver, bus };
        let data = folder.path().join("data");
        let options = json!({ "binary": binary(), "args": ["--data-dir", data] });
        let wanted = json!({ "webkitgtk:browserOptions": options });
        let wanted = wanted.as_object().expect("an object").clone();
        let client = ClientBuilder::new(HttpConnector::new()).capabilities(wanted).connect(&url).await;
        let client = client.expect("the window opens (is guitai-desktop built?)");
        let window = Window { client, _processes: processes, folder };
        // Frame first, then sandbox and its merchant: only now is there something to work with.
        window.text_when("mode", |text| text.contains("SANDBOX")).await;
        window
    }

    /// The data folder of this window.
    pub fn data_dir(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    /// Waits for an element that is marked `data-testid`.
    pub async fn find(&self, testid: &str) -> Element {
        let selector = format!("[data-testid=\"{testid}\"]");
        let found = self.client.wait().at_most(PATIENCE).for_element(Locator::Css(&selector)).await;
        match found {
            Ok(element) => element,
            Err(error) => panic!("{testid} did not come: {error}\n{}", self.page().await),
        }
    }

    /// Is it on the page now?
    pub async fn has(&self, testid: &str) -> bool {
        let selector = format!("[data-testid=\"{testid}\"]");
        self.client.find(Locator::Css(&selector)).await.is_ok()
    }

    /// Waits for it, and clicks it.
    pub async fn click(&self, testid: &str) {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let element = self.find(testid).await;
            // A button that is busy takes no click, and WebDriver doesn't say so.
            if !element.is_enabled().await.unwrap_or(true) && Instant::now() < deadline {
                pause().await;
                continue;
            }
            // WebKit's driver clicks where the element is, and not everything that scrolls is scrolled by it
            let shown = "const it = document.querySelector(`[data-testid=\"${arguments[0]}\"]`); if (!it) return; \
                const box = it.getBoundingClientRect(); \
                const top = document.elementFromPoint(box.x + box.width / 2, box.y + box.height / 2); \
                if (!it.contains(top)) it.scrollIntoView({ block: 'nearest' })";
            self.client.execute(shown, vec![json!(testid)]).await.expect("a page that runs scripts");
            match element.click().await {
                Ok(()) => return,
                // It was drawn again between the two calls, or something passes over it.
                Err(error) if passing(&error) && Instant::now() < deadline => pause().await,
                Err(error) => panic!("click on {testid}: {error:?}"),
            }
        }
    }

    /// Types over whatever stands in a field, as a person does: WebDriver's own clear isn't noticed by the page.
    pub async fn fill(&self, testid: &str, text: &str) {
        let field = self.find(testid).await;
        let select = "document.querySelector(`[data-testid=\"${arguments[0]}\"]`).select()";
        self.client.execute(select, vec![json!(testid)]).await.expect("a field whose text can be selected");
        let over = if text.is_empty() { String::from(char::from(Key::Backspace)) } else { text.to_owned() };
        field.send_keys(&over).await.expect("a field that can be typed into");
    }

    /// Types keys at whatever has the focus.
    pub async fn press(&self, keys: &str) {
        self.client.active_element().await.expect("something has the focus").send_keys(keys).await.expect("keys");
    }

    /// Types `key` with Ctrl held.
    pub async fn press_with_control(&self, key: char) {
        self.press(&format!("{}{key}{}", char::from(Key::Control), char::from(Key::Null))).await;
    }

    /// Types Enter at whatever has the focus.
    pub async fn press_enter(&self) {
        self.press(&String::from(char::from(Key::Enter))).await;
    }

    /// Types Escape at whatever has the focus.
    pub async fn press_escape(&self) {
        self.press(&String::from(char::from(Key::Escape))).await;
    }

    /// The text that is shown in an element.
    pub async fn text(&self, testid: &str) -> String {
        let deadline = Instant::now() + PATIENCE;
        loop {
            match self.find(testid).await.text().await {
                Ok(text) => return text,
                Err(error) if passing(&error) && Instant::now() < deadline => pause().await,
                Err(error) => panic!("text of {testid}: {error}"),
            }
        }
    }

    /// Waits until an element shows a text that `wanted` holds for, and gives it.
    pub async fn text_when(&self, testid: &str, wanted: impl Fn(&str) -> bool) -> String {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let text = self.text(testid).await;
            if wanted(&text) {
                return text;
            }
            assert!(Instant::now() < deadline, "{testid} still says {text:?}\n{}", self.page().await);
            pause().await;
        }
    }

    /// Waits until an attribute of an element has a value.
    pub async fn attribute_when(&self, testid: &str, name: &str, wanted: &str) {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let value = self.attribute(testid, name).await;
            if value == wanted {
                return;
            }
            assert!(
                Instant::now() < deadline,
                "{testid}: {name} is still {value:?}, not {wanted:?}\n{}",
                self.page().await
            );
            pause().await;
        }
    }

    /// Waits until every element of this name has this attribute: a filter's own answer came, not only one that fits it.
    pub async fn attributes_when(&self, testid: &str, name: &str, wanted: &str) {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let values = self.attributes(testid, name).await;
            if !values.is_empty() && values.iter().all(|value| value == wanted) {
                return;
            }
            assert!(Instant::now() < deadline, "{testid}: {name} is still {values:?}\n{}", self.page().await);
            pause().await;
        }
    }

    /// An attribute of an element; empty when it has none.
    pub async fn attribute(&self, testid: &str, name: &str) -> String {
        self.find(testid).await;
        self.attributes(testid, name).await.into_iter().next().unwrap_or_default()
    }

    /// An attribute of all elements of a kind that are on the page now.
    pub async fn attributes(&self, testid: &str, name: &str) -> Vec<String> {
        let script = "const [testid, name] = arguments;
            return [...document.querySelectorAll(`[data-testid=\"${testid}\"]`)].map((it) => it.getAttribute(name) ?? '')";
        let found = self.client.execute(script, vec![json!(testid), json!(name)]).await.expect("a script");
        serde_json::from_value(found).expect("a list of texts")
    }

    /// Waits until the page has drawn what it knows, and nothing moves any more.
    pub async fn settled(&self) {
        let script = "const [done] = arguments;
            const still = () => document.getAnimations().every((it) => it.playState !== 'running');
            const look = (left) => requestAnimationFrame(() => requestAnimationFrame(() =>
                still() || left === 0 ? done(true) : setTimeout(look, 50, left - 1)));
            document.fonts.ready.then(() => look(40));";
        self.client.execute_async(script, vec![]).await.expect("a page that settles");
    }

    /// Runs a script in the page and gives what it returns.
    pub async fn script(&self, script: &str) -> Value {
        self.client.execute(script, vec![]).await.unwrap_or_else(|error| panic!("{script}: {error}"))
    }

    /// The page as text, for a failure's message.
    async fn page(&self) -> String {
        let text = self.client.execute("return document.body.innerText", vec![]).await;
        text.map_or_else(|error| error.to_string(), |text| text.as_str().unwrap_or_default().to_owned())
    }

    /// A picture of the page.
    pub async fn shot(&self, file: &Path) {
        let png = self.client.screenshot().await.expect("a picture");
        std::fs::create_dir_all(file.parent().expect("a folder")).expect("the folder of the pictures");
        std::fs::write(file, png).expect("the picture");
    }

    /// Ends the window.
    pub async fn close(self) {
        self.client.clone().close().await.expect("the session ends");
    }
}

/// WebDriver has no way to be told when a page changed; it can only be asked again.
async fn pause() {
    tokio::time::sleep(Duration::from_millis(50)).await;
}

/// The element was drawn again between two calls, or something still lies over it.
fn passing(error: &CmdError) -> bool {
    use ErrorStatus::{ElementClickIntercepted, ElementNotInteractable, StaleElementReference};
    let CmdError::Standard(refusal) = error else {
        return false;
    };
    matches!(refusal.error, StaleElementReference | ElementClickIntercepted | ElementNotInteractable)
}

/// `guitai-desktop` lies beside the folder of the test's own binary; `make` builds it first.
fn binary() -> PathBuf {
    let own = std::env::current_exe().expect("the test's own binary");
    own.parent().and_then(Path::parent).expect("target/debug").join("guitai-desktop")
}

fn start_bus() -> (Child, String) {
    let mut bus = Command::new("dbus-daemon")
        .args(["--session", "--nofork", "--nopidfile", "--print-address"])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("dbus-daemon (package dbus)");
    let mut address = String::new();
    let out = bus.stdout.take().expect("its output is piped");
    BufReader::new(out).read_line(&mut address).expect("it prints its address");
    (bus, address.trim().to_owned())
}

fn start_driver(system: System, home: &Path, bus: &str) -> (Child, String) {
    let port = TcpListener::bind("127.0.0.1:0").and_then(|free| free.local_addr()).expect("a free port").port();
    let mut command = Command::new("WebKitWebDriver");
    for name in [
        "LC_ALL",
        "LC_MESSAGES",
        "LANGUAGE",
        "GUITAI_DATA_DIR",
        "XDG_CONFIG_HOME",
        "XDG_DATA_HOME",
        "XDG_CACHE_HOME",
        // With one of these a WebDriver screenshot never answers.
        "WEBKIT_DISABLE_DMABUF_RENDERER",
        "WEBKIT_DISABLE_COMPOSITING_MODE",
    ] {
        command.env_remove(name);
    }
    // programs that a test puts in the way of the system's
    let programs = std::env::var_os("PATH").unwrap_or_default();
    let programs = std::iter::once(home.join("bin")).chain(std::env::split_paths(&programs));
    command.env("PATH", std::env::join_paths(programs).expect("folders without a colon"));
    let authority = home.join("authority.pem");
    if authority.exists() {
        command.env("SSL_CERT_FILE", authority);
    }
    let driver = command
        .arg(format!("--port={port}"))
        .env("TAURI_AUTOMATION", "true")
        .env("TAURI_WEBVIEW_AUTOMATION", "true")
        .env(
            "LANG",
            match system {
                System::Chinese => "zh_CN.UTF-8",
                System::English => "en_US.UTF-8",
                System::Container => "C.UTF-8",
            },
        )
        .env("HOME", home)
        .env("DBUS_SESSION_BUS_ADDRESS", bus)
        .process_group(0)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(if std::env::var_os("GUITAI_LOG").is_some() { Stdio::inherit() } else { Stdio::null() })
        .spawn()
        .expect("WebKitWebDriver (package webkit2gtk-driver)");
    let deadline = Instant::now() + PATIENCE;
    while TcpStream::connect(("127.0.0.1", port)).is_err() {
        assert!(Instant::now() < deadline, "WebKitWebDriver does not listen");
        std::thread::sleep(Duration::from_millis(20));
    }
    (driver, format!("http://127.0.0.1:{port}"))
}
