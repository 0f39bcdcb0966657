//! What the program says about itself: to stderr for people, and as JSON lines in `logs/` of the data folder, bounded
//! whatever happens (five files of 4 MiB for each program). The newest lines are kept in memory for the workbench.
//!
//! A log never hurts what it tells of: lines go through a bounded queue to a thread of their own, what doesn't fit is
//! dropped and counted, and a folder that can't be written is tried again half a minute later. One place in the code that
//! says the same thing in a flood is cut to a line a second. Only our own crates are written, and of their fields only
//! those that [`FIELDS`] names: whoever logs a new field has to think about what may be in it.

mod rotating;

use crate::outside::Outside;
use crate::visible;
use rotating::Rotating;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use specta::Type;
use std::collections::{HashMap, VecDeque};
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{Duration, Instant};
use tracing::callsite::Identifier;
use tracing::field::{Field, Visit};
use tracing::{Event, Subscriber};
use tracing_subscriber::filter::EnvFilter;
use tracing_subscriber::layer::{Context, Layer, SubscriberExt as _};
use tracing_subscriber::registry::Registry;
use tracing_subscriber::reload;
use tracing_subscriber::util::SubscriberInitExt as _;

/// Fields that are written; any other shows as `…`. None of them ever holds a key, a token or a customer's data.
const FIELDS: [&str; 32] = [
    "addr",
    "callback",
    "cause",
    "checks",
    "code",
    "day",
    "error",
    "file",
    "found",
    "host",
    "id",
    "jobs",
    "line",
    "merchant",
    "millis",
    "mib",
    "out_refund_no",
    "out_trade_no",
    "panicked",
    "path",
    "patrol",
    "port",
    "program",
    "said",
    "schema",
    "seconds",
    "status",
    "targets",
    "url",
    "verdict",
    "version",
    "what",
];
/// Crates whose lines are written.
const OURS: [&str; 2] = ["guitai", "wechatpay"];
/// The setting that says how much: `error`, `warn`, `info`, `debug`. `GUITAI_LOG` goes before it.
pub(crate) const LEVEL_SETTING: &str = "log.level";
const LEVELS: [&str; 4] = ["error", "warn", "info", "debug"];
/// Unless it is said otherwise.
const LEVEL: &str = "info";
/// Lines that may wait for the disk; more are dropped and counted.
const QUEUE: usize = 1_024;
/// Lines of one place in the code at once; then one a second.
const BURST: u64 = 50;
/// Characters of one field.
const LONGEST: usize = 500;
/// Lines kept in memory.
const RECENT: usize = 300;

/// A line of the log.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, Type)]
pub struct LogLine {
    /// Counts up from 1 in this process.
    #[specta(type = u32)]
    pub n: u64,
    /// When.
    pub at: String,
    /// `error`, `warn`, `info`, `debug`.
    pub level: String,
    /// The module that says it.
    pub target: String,
    /// The sentence.
    pub message: String,
    /// What it is about, as `name=value`.
    pub facts: String,
}

/// How the logs of a data folder stand.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Type)]
pub struct LogStatus {
    /// Where they lie.
    pub folder: String,
    /// Bytes of all files.
    #[specta(type = u32)]
    pub bytes: u64,
    /// What is written of this process: a level, or the filter of `GUITAI_LOG`; null: nothing goes to a file.
    pub level: Option<String>,
    /// Lines of this process that were dropped because the disk was slow, full or not writable.
    #[specta(type = u32)]
    pub dropped: u64,
    /// Lines of this process that were left out of a flood.
    #[specta(type = u32)]
    pub left_out: u64,
}

/// What this process logs with, once [`start_logs`] was called.
static LOGS: OnceLock<Logs> = OnceLock::new();

struct Logs {
    kept: &'static Kept,
    filter: reload::Handle<EnvFilter, Registry>,
    said: Mutex<Option<String>>,
}

/// Begins: what `GUITAI_LOG` names goes to stderr, warnings and worse unless it says otherwise. Nothing goes to a file
/// before [`keep_logs`]. Call it once, first.
pub fn start_logs() {
    let kept: &'static Kept = Box::leak(Box::new(Kept::new(Outside::real())));
    let (filter, handle) = reload::Layer::new(EnvFilter::new("off"));
    let for_people = EnvFilter::builder()
        .with_env_var(VARIABLE)
        .with_default_directive(tracing_subscriber::filter::LevelFilter::WARN.into())
        .from_env_lossy();
    let to_stderr = tracing_subscriber::fmt::layer()
        .with_writer(std::io::stderr)
        .with_ansi(false)
        .log_internal_errors(false)
        .with_filter(for_people);
    // the file's layer stands first: its filter's handle is made for the bare registry
    let _ = tracing_subscriber::registry().with(ToKept(kept).with_filter(filter)).with(to_stderr).try_init();
    let _ = LOGS.set(Logs { kept, filter: handle, said: Mutex::default() });
}

const VARIABLE: &str = "GUITAI_LOG";

/// From now on this process's lines are kept in `logs/<program>.log` of the data folder too. A folder that can't be made
/// or written costs the lines, nothing else. Does nothing where [`start_logs`] wasn't called, or a second time.
pub fn keep_logs(data_dir: &Path, program: &'static str) {
    let Some(logs) = LOGS.get() else { return };
    if logs.kept.open(data_dir, program) {
        set_level(None);
        tell_of_panics();
        tracing::info!(program, version = env!("CARGO_PKG_VERSION"), "started");
    }
}

/// Waits until everything that was said is written, for a second at most.
pub fn flush_logs() {
    if let Some(logs) = LOGS.get() {
        logs.kept.flush();
    }
}

/// The newest lines of this process, oldest first: those after number `after`, 300 at most.
#[must_use]
pub fn recent_logs(after: u64) -> Vec<LogLine> {
    LOGS.get().map_or_else(Vec::new, |logs| logs.kept.recent(after))
}

/// Writes from this level on; `None` or an unknown one: `info`. `GUITAI_LOG` goes before it.
pub(crate) fn set_level(level: Option<&str>) {
    let Some(logs) = LOGS.get().filter(|logs| logs.kept.is_open()) else { return };
    let asked = std::env::var(VARIABLE).ok().filter(|text| !text.is_empty());
    let level = level.filter(|level| LEVELS.contains(level)).unwrap_or(LEVEL);
    let (filter, said) = match asked.and_then(|text| EnvFilter::try_new(&text).ok().map(|filter| (filter, text))) {
        Some(found) => found,
        None => (EnvFilter::new(ours_from(level)), level.to_owned()),
    };
    if logs.filter.reload(filter).is_ok() {
        *lock(&logs.said) = Some(said);
    }
}

fn ours_from(level: &str) -> String {
    // a directive holds for every target that begins so, but the crates have to be named
    ["guitai_console", "guitai_door", "guitai_desktop", "guitai", "guitai_certify", "wechatpay_sandbox", "wechatpay"]
        .map(|name| format!("{name}={level}"))
        .join(",")
}

/// How the logs of `data_dir` stand.
pub(crate) fn status(data_dir: &Path) -> LogStatus {
    let folder = data_dir.join("logs");
    let files = std::fs::read_dir(&folder).into_iter().flatten().flatten();
    let bytes = files.filter_map(|entry| entry.metadata().ok()).filter(std::fs::Metadata::is_file).map(|it| it.len());
    let logs = LOGS.get();
    let counted = |of: fn(&Kept) -> &AtomicU64| logs.map_or(0, |logs| of(logs.kept).load(Ordering::Relaxed));
    LogStatus {
        bytes: bytes.sum(),
        folder: folder.display().to_string(),
        level: logs.and_then(|logs| lock(&logs.said).clone()),
        dropped: counted(|kept| &kept.dropped),
        left_out: counted(|kept| &kept.left_out),
    }
}

/// A panic is told with its place and without its words, which may hold anything.
fn tell_of_panics() {
    let before = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        let (file, line) = panic.location().map_or(("?", 0), |at| (at.file(), at.line()));
        tracing::error!(file, line, "a panic; what it happened in ends, the program goes on");
        before(panic);
    }));
}

/// The lines that are kept: newest in memory, all in files once there is a folder.
struct Kept {
    outside: Outside,
    lines: AtomicU64,
    dropped: AtomicU64,
    left_out: AtomicU64,
    recent: Mutex<VecDeque<LogLine>>,
    places: Mutex<HashMap<Identifier, Place>>,
    queue: OnceLock<SyncSender<ToDisk>>,
}

/// How much one place in the code still may say.
struct Place {
    tokens: u64,
    filled: Instant,
    left_out: u64,
}

enum ToDisk {
    Line(String),
    Flush(SyncSender<()>),
}

impl Kept {
    fn new(outside: Outside) -> Kept {
        Kept {
            outside,
            lines: AtomicU64::new(0),
            dropped: AtomicU64::new(0),
            left_out: AtomicU64::new(0),
            recent: Mutex::default(),
            places: Mutex::default(),
            queue: OnceLock::new(),
        }
    }

    /// Starts the thread that writes; false: it runs already, or the system gives no thread.
    fn open(&'static self, data_dir: &Path, program: &str) -> bool {
        let (queue, lines) = sync_channel(QUEUE);
        let file: PathBuf = data_dir.join("logs").join(format!("{program}.log"));
        if self.is_open() {
            return false;
        }
        let writing = move || write(&lines, &mut Rotating::new(file), &self.dropped);
        let started = std::thread::Builder::new().name("log-writer".to_owned()).spawn(writing);
        started.is_ok() && self.queue.set(queue).is_ok()
    }

    fn is_open(&self) -> bool {
        self.queue.get().is_some()
    }

    fn flush(&self) {
        let Some(queue) = self.queue.get() else { return };
        let (done, waiting) = sync_channel(1);
        let until = Instant::now() + Duration::from_secs(1);
        let mut asking = ToDisk::Flush(done);
        while let Err(error) = queue.try_send(asking) {
            let std::sync::mpsc::TrySendError::Full(again) = error else { return };
            if Instant::now() >= until {
                return;
            }
            asking = again;
            std::thread::yield_now();
        }
        let _ = waiting.recv_timeout(until.saturating_duration_since(Instant::now()));
    }

    fn recent(&self, after: u64) -> Vec<LogLine> {
        lock(&self.recent).iter().filter(|line| line.n > after).cloned().collect()
    }

    /// May this place say something now? Then how much of it was left out before.
    fn turn(&self, place: Identifier) -> Option<u64> {
        let now = Instant::now();
        let mut places = lock(&self.places);
        let place = places.entry(place).or_insert(Place { tokens: BURST, filled: now, left_out: 0 });
        let seconds = now.duration_since(place.filled).as_secs();
        if seconds > 0 {
            place.tokens = place.tokens.saturating_add(seconds).min(BURST);
            place.filled = now;
        }
        match place.tokens.checked_sub(1) {
            Some(left) => {
                place.tokens = left;
                Some(std::mem::take(&mut place.left_out))
            }
            None => {
                place.left_out += 1;
                self.left_out.fetch_add(1, Ordering::Relaxed);
                None
            }
        }
    }

    fn take(&self, event: &Event<'_>) {
        let facts = event.metadata();
        if !OURS.iter().any(|ours| facts.target().starts_with(ours)) {
            return;
        }
        let Some(left_out) = self.turn(facts.callsite()) else { return };
        let mut fields = Fields::default();
        event.record(&mut fields);
        let Fields { message, mut facts_of } = fields;
        if left_out > 0 {
            facts_of.insert("left_out".to_owned(), json!(left_out));
        }
        let at = crate::orders::shown_time(self.outside.now());
        let level = facts.level().as_str().to_lowercase();
        if let Some(queue) = self.queue.get() {
            let line =
                json!({ "at": at, "level": level, "target": facts.target(), "message": message, "fields": facts_of });
            if queue.try_send(ToDisk::Line(format!("{line}\n"))).is_err() {
                self.dropped.fetch_add(1, Ordering::Relaxed);
            }
        }
        let said = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        let pairs: Vec<String> = facts_of.iter().map(|(name, value)| format!("{name}={}", said(value))).collect();
        let mut recent = lock(&self.recent);
        recent.push_back(LogLine {
            n: self.lines.fetch_add(1, Ordering::Relaxed) + 1,
            at,
            level,
            target: facts.target().to_owned(),
            message,
            facts: pairs.join(" "),
        });
        if recent.len() > RECENT {
            recent.pop_front();
        }
    }
}

fn write(lines: &Receiver<ToDisk>, file: &mut Rotating, dropped: &AtomicU64) {
    while let Ok(next) = lines.recv() {
        match next {
            ToDisk::Line(line) => {
                if !file.write(line.as_bytes()) {
                    dropped.fetch_add(1, Ordering::Relaxed);
                }
            }
            ToDisk::Flush(done) => drop(done.send(())),
        }
    }
}

struct ToKept(&'static Kept);

impl<S: Subscriber> Layer<S> for ToKept {
    fn on_event(&self, event: &Event<'_>, _context: Context<'_, S>) {
        self.0.take(event);
    }
}

/// The fields of one event, those that may be written.
#[derive(Default)]
struct Fields {
    message: String,
    facts_of: Map<String, Value>,
}

impl Fields {
    fn put(&mut self, field: &Field, value: Value) {
        let value = match value {
            Value::String(text) => Value::String(visible(&text, LONGEST)),
            other => other,
        };
        match field.name() {
            "message" => self.message = value.as_str().unwrap_or_default().to_owned(),
            name if FIELDS.contains(&name) => drop(self.facts_of.insert(name.to_owned(), value)),
            name => drop(self.facts_of.insert(name.to_owned(), json!("…"))),
        }
    }
}

impl Visit for Fields {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.put(field, Value::String(format!("{value:?}")));
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.put(field, json!(value));
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.put(field, json!(value));
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.put(field, json!(value));
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.put(field, json!(value));
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Lines that are kept in a folder, and what was said while `work` ran.
    fn kept_in(folder: &Path, work: impl FnOnce()) -> (&'static Kept, String) {
        let kept: &'static Kept = Box::leak(Box::new(Kept::new(Outside::fixed(crate::gateway::stand::then(), 1))));
        assert!(kept.open(folder, "test"));
        tracing::subscriber::with_default(tracing_subscriber::registry().with(ToKept(kept)), work);
        kept.flush();
        (kept, std::fs::read_to_string(folder.join("logs/test.log")).unwrap_or_default())
    }

    #[test]
    fn a_line_is_json_with_the_fields_that_may_be_written() {
        let folder = tempfile::tempdir().expect("a folder");
        let (kept, text) = kept_in(folder.path(), || {
            tracing::warn!(code = "X", status = 503, api_v3_key = "SECRET", "one\nsentence");
            tracing::error!(target: "hyper::proto", "somebody else's");
        });
        let lines: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
        assert_eq!(lines.len(), 1, "{text}");
        assert_eq!(lines[0]["level"], "warn");
        assert_eq!(lines[0]["target"], "guitai_console::logs::tests");
        assert_eq!(lines[0]["fields"], json!({ "code": "X", "status": 503, "api_v3_key": "…" }));
        assert!(!text.contains("SECRET"));
        let recent = kept.recent(0);
        assert_eq!(recent.len(), 1);
        let mut facts: Vec<&str> = recent[0].facts.split(' ').collect();
        facts.sort_unstable();
        assert_eq!(facts, ["api_v3_key=…", "code=X", "status=503"]);
        assert!(kept.recent(recent[0].n).is_empty());
    }

    #[test]
    fn a_flood_from_one_place_leaves_a_few_lines() {
        let folder = tempfile::tempdir().expect("a folder");
        let (kept, text) = kept_in(folder.path(), || {
            for _ in 0..1_000_000 {
                tracing::warn!(cause = "signature_valid", "refused a request");
            }
            tracing::warn!("another place has its own turn");
        });
        assert!(text.len() < 1_000_000, "{} bytes", text.len());
        assert!(text.lines().count() >= 50 && text.contains("another place"), "{} lines", text.lines().count());
        let left_out = kept.left_out.load(Ordering::Relaxed);
        assert_eq!(left_out + text.lines().count() as u64 - 1 + kept.dropped.load(Ordering::Relaxed), 1_000_000);
    }

    #[test]
    fn a_folder_that_cannot_be_written_costs_the_lines_and_nothing_else() {
        let folder = tempfile::tempdir().expect("a folder");
        std::fs::write(folder.path().join("logs"), b"a file where the folder should be").expect("written");
        let (kept, text) = kept_in(folder.path(), || tracing::error!("nobody reads this in a file"));
        assert_eq!((text.as_str(), kept.dropped.load(Ordering::Relaxed)), ("", 1));
        assert_eq!(kept.recent(0).len(), 1, "the workbench shows it all the same");
        assert_eq!(status(folder.path()).bytes, 0);
    }
}
