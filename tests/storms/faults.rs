//! R11: what happens to a store when the disk is full, the folder can't be written, or the file is not what it was.
//! Never a yes without a commit, a word to people about what to do, and as it was where it was refused.

use crate::shop::{Ack, Letter, Shop, figure, missing, size};
use crate::trace::traced;
use guitai_tests::command::{Guitai, Serving, binary, finish};
use rusqlite::Connection;
use serde_json::Value;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

/// A small file system in memory for as long as this lives; `None` where nobody may mount one.
struct Small {
    place: PathBuf,
}

impl Small {
    fn mount(place: &Path, mib: u32) -> Option<Small> {
        std::fs::create_dir(place).expect("a folder");
        let size = format!("size={mib}m,mode=700");
        let mounted = Command::new("mount").args(["-t", "tmpfs", "-o", &size, "tmpfs"]).arg(place).output();
        mounted.is_ok_and(|ran| ran.status.success()).then(|| Small { place: place.to_owned() })
    }

    fn read_only(&self) -> bool {
        Command::new("mount").args(["-o", "remount,ro"]).arg(&self.place).status().is_ok_and(|ran| ran.success())
    }
}

impl Drop for Small {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(&self.place).status();
    }
}

/// Takes all the room that is left.
fn fill(folder: &Path, name: &str) -> PathBuf {
    use std::io::Write as _;
    let path = folder.join(name);
    let mut file = std::fs::File::create(&path).expect("a file");
    for piece in [1 << 20, 1 << 12, 512, 1] {
        while file.write_all(&vec![7; piece]).is_ok() {}
    }
    path
}

/// Sends one letter until it gets a yes; how many times it got none, each of them a 5xx with the body that says nothing.
async fn until_accepted(shop: &Shop, place: &str, letters: &[Letter], letter: usize, acks: &mut Vec<Ack>) -> usize {
    for refused in 0..10_000 {
        let (nonce, body) = (shop.nonce(), &letters[letter].body);
        let headers = shop.headers(body, &nonce);
        let (status, said) = shop.post(place, &headers, body).await.expect("an answer");
        if status == 204 {
            let signature = crate::shop::value(&headers, "wechatpay-signature");
            acks.push(Ack { letter, nonce, signature });
            return refused;
        }
        assert!(matches!(status, 500 | 503), "{status} {said}");
        assert!(said.starts_with(r#"{"code":"FAIL""#) && !said.contains("guitai") && !said.contains("disk"), "{said}");
    }
    panic!("never accepted");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_disk_refuses_and_heals_by_itself() {
    let guitai = Guitai::new();
    let Some(small) = Small::mount(&guitai.path("data"), 96) else {
        println!("R11 full disk skipped: no file system can be mounted here");
        return;
    };
    let shop = Shop::on(guitai, "http://127.0.0.1:9");
    let number = |order: usize| format!("FULL{order:06}");
    // half of them have to find room in the ballast: the log takes some 70 KB for each until it is moved into the file
    let orders = size(60, 150);
    shop.orders((0..orders).map(number)).await;
    let ballast = small.place.join("guitai.ballast");
    assert!(ballast.exists(), "there was room for it");
    let letters: Vec<Letter> = (0..orders).map(|order| shop.paid(&format!("full-{order}"), &number(order))).collect();
    let mut listener = shop.guitai.serve(&["listen", "--port", "0", "--json"]);
    let place = listener.ready["listening"].as_str().expect("where").to_owned();
    let mut acks = Vec::new();

    // the ballast buys time: what comes in is still kept
    let filler = fill(&small.place, "filler");
    for letter in 0..orders / 2 {
        assert_eq!(until_accepted(&shop, &place, &letters, letter, &mut acks).await, 0, "there was ballast");
    }
    assert!(!ballast.exists(), "it was given back");

    // then there is nothing left
    let more = fill(&small.place, "more");
    let mut refused = 0;
    for (letter, sent) in letters.iter().enumerate().skip(orders / 2) {
        let headers = shop.headers(&sent.body, &shop.nonce());
        let (status, said) = shop.post(&place, &headers, &sent.body).await.expect("an answer");
        if status == 204 {
            let (nonce, signature) =
                (crate::shop::value(&headers, "wechatpay-nonce"), crate::shop::value(&headers, "wechatpay-signature"));
            acks.push(Ack { letter, nonce, signature });
            continue;
        }
        assert!(matches!(status, 500 | 503), "{status} {said}");
        refused += 1;
    }
    assert!(refused > 0, "the disk was full");
    for (language, words) in [("en", ["The disk is full", "Free some space"]), ("zh", ["磁盘已满", "腾出磁盘空间"])]
    {
        let error = refused_in(&shop.guitai, language, &["order", "create", "--amount", "1", "--description", "x"]);
        assert_eq!(error["code"], "DISK_FULL");
        assert!(error["message"].as_str().is_some_and(|it| it.contains(words[0])), "{error}");
        assert!(error["hint"].as_str().is_some_and(|it| it.contains(words[1])), "{error}");
    }

    // room returns: no restart, nothing by hand
    std::fs::remove_file(&filler).expect("removed");
    std::fs::remove_file(&more).expect("removed");
    for letter in 0..orders {
        let _ = until_accepted(&shop, &place, &letters, letter, &mut acks).await;
    }
    while !ballast.exists() {
        // it is taken anew after the next checkpoint, which comes when nothing was written for a moment
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert_eq!(listener.signal("TERM").code(), Some(0));
    let store = shop.store();
    let lost = missing(&store, &letters, &acks);
    assert!(lost.is_empty(), "{} of {} acknowledged are gone", lost.len(), acks.len());
    drop(store);
    shop.sound();
    figure(
        "R11",
        &format!(
            "full disk: {} acknowledged, {refused} refused with 5xx while full, 0 lost, healed without a restart",
            acks.len()
        ),
    );
}

/// Runs a command in a language and expects it to be refused; the error.
fn refused_in(guitai: &Guitai, language: &str, arguments: &[&str]) -> Value {
    let mut command = guitai.command(&[arguments, &["--json"]].concat());
    command.env("GUITAI_LANG", language);
    let ran = finish(command, b"");
    assert_eq!(ran.status, Some(1), "{arguments:?}: {} {}", ran.stdout, ran.stderr);
    ran.document()["error"].clone()
}

/// Every file of a folder and its bytes; an empty log, which SQLite makes when it looks, and the log's index say nothing.
fn content(folder: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let mut all: Vec<_> = std::fs::read_dir(folder)
        .expect("a folder")
        .map(|entry| entry.expect("an entry").path())
        .filter(|path| path.is_file() && !path.ends_with("guitai.db-shm"))
        .map(|path| (path.clone(), std::fs::read(&path).expect("a file")))
        .filter(|(path, bytes)| !path.ends_with("guitai.db-wal") || !bytes.is_empty())
        .collect();
    all.sort();
    all
}

#[tokio::test]
async fn what_can_not_be_used_is_refused_and_left_as_it_is() {
    let shop = Shop::open();
    shop.orders(["FAULT000001".to_owned()]).await;
    let sound = std::fs::read(shop.data().join("guitai.db")).expect("a store");
    let cut = |keep: usize| sound[..keep].to_vec();
    let pragma = |name: &str, value: i64| {
        let file = shop.guitai.path("changed.db");
        std::fs::write(&file, &sound).expect("a copy");
        let store = Connection::open(&file).expect("opens");
        store.pragma_update(None, name, value).expect("set");
        store.pragma_update(None, "journal_mode", "DELETE").expect("one file");
        drop(store);
        std::fs::read(&file).expect("a store")
    };
    let foreign = {
        let file = shop.guitai.path("foreign.db");
        let store = Connection::open(&file).expect("opens");
        store.execute_batch("CREATE TABLE letters (text); INSERT INTO letters VALUES ('dear')").expect("made");
        drop(store);
        std::fs::read(&file).expect("a database")
    };
    let overwritten = [vec![0xA5; 100], sound[100..].to_vec()].concat();
    // (fault, the file, code, in English, in Chinese)
    let cases = [
        (
            "cut in the middle",
            cut(sound.len() / 2 / 4096 * 4096),
            "STORE_DAMAGED",
            "restore the newest backup",
            "用最近的备份恢复",
        ),
        ("cut within the header", cut(60), "STORE_FOREIGN", "Move that file away", "移走该文件"),
        ("header overwritten", overwritten, "STORE_FOREIGN", "Move that file away", "移走该文件"),
        ("another program's", foreign, "STORE_FOREIGN", "Move that file away", "移走该文件"),
        (
            "text",
            b"no database at all, but long enough to be looked at as if it were one of them\n".repeat(4),
            "STORE_FOREIGN",
            "Move that file away",
            "移走该文件",
        ),
        ("newer schema", pragma("user_version", 9_999), "STORE_NEWER", "Update the program", "请升级程序"),
        ("another application's id", pragma("application_id", 7), "STORE_FOREIGN", "Move that file away", "移走该文件"),
    ];
    let number = cases.len();
    for (fault, bytes, code, en, zh) in cases {
        let guitai = Guitai::new();
        let folder = guitai.path("data");
        std::fs::create_dir(&folder).expect("a folder");
        std::fs::write(folder.join("guitai.db"), bytes).expect("a file");
        let before = content(&folder);
        for (language, words) in [("en", en), ("zh", zh)] {
            for arguments in [vec!["order", "list"], vec!["listen", "--port", "0"]] {
                let error = refused_in(&guitai, language, &arguments);
                assert_eq!(error["code"], code, "{fault}: {error}");
                assert!(error["hint"].as_str().is_some_and(|hint| hint.contains(words)), "{fault}: {error}");
            }
        }
        let after = content(&folder);
        let names: Vec<_> = after.iter().map(|(name, bytes)| (name, bytes.len())).collect();
        assert!(after == before, "{fault}: something in the folder was changed: {names:?}");
    }
    figure(
        "R11",
        &format!("{number} stores that can't be used: refused with what to do in both languages, not a byte changed"),
    );
}

#[tokio::test]
async fn a_folder_that_can_not_be_written_is_told() {
    use std::os::unix::process::CommandExt as _;
    let guitai = Guitai::new();
    let Some(small) = Small::mount(&guitai.path("data"), 96) else {
        println!("R11 read-only folder and wrong owner skipped: no file system can be mounted here");
        return;
    };
    let shop = Shop::on(guitai, "http://127.0.0.1:9");
    shop.orders(["OWNER000001".to_owned()]).await;
    // somebody else's: a copy of the program that every user may run
    let program = std::env::temp_dir().join(format!("guitai-of-nobody-{}", std::process::id()));
    std::fs::copy(binary(), &program).expect("a copy");
    let before = content(&small.place);
    for (language, words) in [("en", "permissions and owner"), ("zh", "权限和所有者")] {
        let mut command = Command::new(&program);
        let home = std::env::temp_dir();
        command.args(["order", "list", "--json"]).current_dir(&home).env("GUITAI_LANG", language);
        command.env("GUITAI_DATA_DIR", &small.place).env("HOME", home).uid(65_534).stdin(Stdio::null());
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        let ran = finish(command, b"");
        let error = &ran.document()["error"];
        assert_eq!(error["code"], "DATA_DIR_NOT_WRITABLE", "{error} {}", ran.stderr);
        assert!(error["hint"].as_str().is_some_and(|hint| hint.contains(words)), "{error}");
        assert!(error["message"].as_str().is_some_and(|it| it.contains("data")), "names the folder: {error}");
    }
    let _ = std::fs::remove_file(&program);
    assert!(small.read_only(), "nothing has it open");
    for (language, words) in [("en", "permissions and owner"), ("zh", "权限和所有者")] {
        for arguments in [vec!["order", "list"], vec!["listen", "--port", "0"]] {
            let error = refused_in(&shop.guitai, language, &arguments);
            assert_eq!(error["code"], "DATA_DIR_NOT_WRITABLE", "{error}");
            assert!(error["hint"].as_str().is_some_and(|hint| hint.contains(words)), "{error}");
        }
    }
    assert!(content(&small.place) == before, "something was changed");
    figure("R11", "wrong owner, read-only folder: refused with what to do in both languages, not a byte changed");
}

/// The system itself refuses for a while what the listener asks of it: whatever got a yes is there.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn failing_writes_and_syncs_never_get_a_yes() {
    let orders = size(30, 200);
    for (calls, error) in [("fsync,fdatasync", "EIO"), ("pwrite64", "ENOSPC"), ("pwrite64", "EIO")] {
        let shop = Shop::open();
        let number = |order: usize| format!("EIO{order:06}");
        shop.orders((0..orders).map(number)).await;
        let letters: Vec<Letter> =
            (0..orders).map(|order| shop.paid(&format!("eio-{order}"), &number(order))).collect();
        // only the log: that is where a commit is written and synced
        let log = shop.data().join("guitai.db-wal");
        let log = log.to_str().expect("UTF-8");
        let (trace, inject) = (format!("trace={calls}"), format!("inject={calls}:error={error}:when=24..60"));
        let plain = shop.guitai.command(&["listen", "--port", "0", "--json"]);
        let record = shop.guitai.path("record");
        let Some(mut command) = traced(&plain, &record, &["-P", log, "-e", &trace, "-e", &inject]) else {
            println!("R11 failing calls skipped: strace is not installed or may not trace here");
            return;
        };
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut listener = Serving::start(command);
        let place = listener.line()["listening"].as_str().expect("where").to_owned();
        let (mut acks, mut refused) = (Vec::new(), 0);
        for letter in 0..orders {
            refused += until_accepted(&shop, &place, &letters, letter, &mut acks).await;
        }
        assert!(refused > 0, "{calls} {error}: nothing was refused");
        assert_eq!(listener.signal("KILL").code(), None);
        let store = Connection::open(shop.data().join("guitai.db")).expect("opens");
        let lost = missing(&store, &letters, &acks);
        assert!(lost.is_empty(), "{calls} {error}: {} of {} acknowledged are gone", lost.len(), acks.len());
        drop(store);
        shop.sound();
        figure(
            "R11",
            &format!(
                "{calls} say {error} for a while: {} acknowledged, {refused} refused, 0 lost, healed by itself",
                acks.len()
            ),
        );
    }
}

/// Somebody tidies the folder of a killed listener: what was moved into the file is there, and it opens.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_its_log_a_store_opens_with_what_was_moved_into_it() {
    let shop = Shop::open();
    shop.orders(["WAL000001".to_owned()]).await;
    let letters = [shop.paid("wal-1", "WAL000001")];
    let mut listener = shop.guitai.serve(&["listen", "--port", "0", "--json"]);
    let place = listener.ready["listening"].as_str().expect("where").to_owned();
    let mut acks = Vec::new();
    assert_eq!(until_accepted(&shop, &place, &letters, 0, &mut acks).await, 0);
    // moved within seconds; a copy of the file alone shows when
    let copy = shop.guitai.path("copy.db");
    loop {
        std::fs::copy(shop.data().join("guitai.db"), &copy).expect("a copy");
        let store = Connection::open(&copy).expect("opens");
        if missing(&store, &letters, &acks).is_empty() {
            break;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert_eq!(listener.signal("KILL").code(), None);
    std::fs::remove_file(shop.data().join("guitai.db-wal")).expect("a log");
    shop.sound();
    assert!(missing(&shop.store(), &letters, &acks).is_empty());
    let order = shop.guitai.json(&["order", "show", "WAL000001"]);
    assert_eq!(order["state"], "SUCCESS");
}
