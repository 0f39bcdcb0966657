//! R12 and R13: stores of every released schema become the newest with all their rows, whatever moment the upgrade is
//! killed at; a newer store is left alone (see `faults`); and a backup gives back what was there, byte for byte.

use crate::shop::{Letter, Shop, figure, reading, size, sound};
use crate::trace::traced;
use guitai_tests::command::{Guitai, finish};
use rusqlite::Connection;
use rusqlite::types::ValueRef;
use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::Stdio;
use std::time::Instant;

/// A table's rows, each as text, by the columns that are asked for.
type Rows = BTreeMap<String, (Vec<String>, Vec<String>)>;

fn stores_folder() -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("storms/stores")
}

fn stores() -> BTreeMap<u32, String> {
    let folder = stores_folder();
    let rows = std::fs::read_to_string(folder.join("rows.sql")).expect("the rows of all versions");
    let version = |path: &Path| path.file_stem()?.to_str()?.strip_prefix('v')?.parse().ok();
    let entries = std::fs::read_dir(&folder).expect("stores").map(|entry| entry.expect("an entry").path());
    let read = |path: std::path::PathBuf| {
        let text = std::fs::read_to_string(&path).expect("a store");
        Some((version(&path)?, text.replacen("-- rows.sql", &rows, 1)))
    };
    entries.filter(|path| path.extension().is_some_and(|it| it == "sql")).filter_map(read).collect()
}

/// A data folder with that store in it.
fn folder_with(text: &str) -> Guitai {
    let guitai = Guitai::new();
    std::fs::create_dir(guitai.path("data")).expect("a folder");
    let store = Connection::open(guitai.path("data").join("guitai.db")).expect("a file");
    store.execute_batch(text).expect("an old store");
    // what opens the sealed secrets lies beside the store; the secrets are those of a sandbox
    let key = std::fs::read(stores_folder().join("vault_key.txt")).expect("the key of the secrets");
    let place = guitai.path("data").join("vault.key");
    std::fs::write(&place, key).expect("a key file");
    std::fs::set_permissions(&place, std::fs::Permissions::from_mode(0o600)).expect("private");
    guitai
}

/// Everything in a store; of the tables and columns in `like` where it is given.
fn content(store: &Connection, like: Option<&Rows>) -> Rows {
    let list = |sql: &str| -> Vec<String> {
        let mut rows = store.prepare(sql).expect("a list");
        let rows = rows.query_map([], |row| row.get(0)).expect("a list");
        rows.map(|row| row.expect("a name")).collect()
    };
    let tables = match like {
        Some(like) => like.keys().cloned().collect(),
        None => list(
            "SELECT name FROM sqlite_schema WHERE type = 'table' AND sql NOT LIKE 'CREATE VIRTUAL%' AND name NOT GLOB '*_words_*'",
        ),
    };
    let read = |table: String| {
        let columns = match like {
            Some(like) => like[&table].0.clone(),
            None => list(&format!("SELECT name FROM pragma_table_info('{table}')")),
        };
        let mut rows = store.prepare(&format!("SELECT {} FROM {table}", columns.join(", "))).expect("a table");
        let mut rows = rows.query([]).expect("rows");
        let mut all = Vec::new();
        while let Some(row) = rows.next().expect("a row") {
            let values = (0..columns.len()).map(|at| shown(row.get_ref(at).expect("a value")));
            all.push(values.collect::<Vec<_>>().join("|"));
        }
        all.sort();
        (table, (columns, all))
    };
    tables.into_iter().map(read).collect()
}

/// A value as text; a long one by its length and its hash, or a hundred thousand deliveries would not fit into memory.
fn shown(value: ValueRef<'_>) -> String {
    match value {
        ValueRef::Blob(bytes) | ValueRef::Text(bytes) if bytes.len() > 200 => {
            let mut hash = DefaultHasher::new();
            bytes.hash(&mut hash);
            format!("{} bytes {:016x}", bytes.len(), hash.finish())
        }
        short => format!("{short:?}"),
    }
}

fn version(store: &Connection) -> i64 {
    store.pragma_query_value(None, "user_version", |row| row.get(0)).expect("a version")
}

#[tokio::test]
async fn every_released_store_becomes_the_newest_with_all_its_rows() {
    let shop = Shop::open();
    let newest = version(&shop.store());
    let stores = stores();
    assert_eq!(
        stores.keys().map(|version| i64::from(*version)).collect::<Vec<_>>(),
        (1..=i64::try_from(stores.len()).expect("few")).collect::<Vec<_>>(),
        "no version is left out"
    );
    assert!(
        stores.len() as i64 >= newest - 1,
        "storms/stores has no store of version {}: make.py makes it",
        newest - 1
    );
    for (from, text) in &stores {
        let guitai = folder_with(text);
        let file = guitai.path("data").join("guitai.db");
        let before = content(&reading(&file), None);
        let listed = guitai.json(&["order", "list", "--merchant", "shop"]);
        let mut states: Vec<_> = listed["items"]
            .as_array()
            .expect("items")
            .iter()
            .map(|order| {
                format!(
                    "{} {}",
                    order["out_trade_no"].as_str().unwrap_or_default(),
                    order["state"].as_str().unwrap_or_default()
                )
            })
            .collect();
        states.sort();
        assert_eq!(
            states,
            ["OLD0001 REFUND", "OLD0002 SUCCESS", "OLD0003 CREATED", "OLD0004 CLOSED"],
            "version {from}"
        );
        let store = reading(&file);
        assert_eq!(version(&store), newest, "version {from}");
        same(&before, &content(&store, Some(&before)), &format!("version {from}"));
        sound(&guitai);
        if i64::from(*from) < newest {
            let kept = guitai.path("data").join(format!("backups/guitai-v{from}.db"));
            same(&before, &content(&reading(&kept), None), &format!("the backup of version {from}"));
        }
    }
    figure(
        "R12",
        &format!(
            "{} released schemas to version {newest}: all rows and hashes equal, each with a backup",
            stores.len()
        ),
    );
}

fn same(before: &Rows, after: &Rows, what: &str) {
    for (table, (columns, rows)) in before {
        // a listener's place and the like may be written at any start
        if table == "settings" {
            continue;
        }
        let there = &after[table].1;
        assert_eq!(rows, there, "{what}: {table} ({})", columns.join(", "));
    }
}

#[tokio::test]
async fn an_upgrade_that_is_killed_anywhere_is_done_at_the_next_start() {
    let newest = version(&Shop::open().store());
    let stores = stores();
    let step = size(23, 1);
    let (mut killed, mut calls) = (0, 1);
    loop {
        let guitai = folder_with(&stores[&1]);
        let file = guitai.path("data").join("guitai.db");
        let before = content(&reading(&file), None);
        let plain = guitai.command(&["order", "list", "--merchant", "shop", "--json"]);
        let set = "pwrite64,fsync,fdatasync,ftruncate,rename,unlink";
        let (trace, inject) = (format!("trace={set}"), format!("inject={set}:signal=KILL:when={calls}"));
        let Some(mut command) = traced(&plain, &guitai.path("record"), &["-e", &trace, "-e", &inject]) else {
            println!("R12 kills skipped: strace is not installed or may not trace here");
            return;
        };
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let ran = finish(command, b"");
        if ran.status == Some(0) {
            break;
        }
        assert_eq!(ran.status, None, "killed at call {calls}: {}", ran.stderr);
        let between = version(&Connection::open(&file).expect("opens"));
        assert!(between == 1 || between == newest, "never half way: version {between} after a kill at call {calls}");
        let _ = guitai.json(&["order", "list", "--merchant", "shop"]);
        let store = reading(&file);
        assert_eq!(version(&store), newest, "killed at call {calls}");
        same(&before, &content(&store, Some(&before)), &format!("killed at call {calls}"));
        sound(&guitai);
        (killed, calls) = (killed + 1, calls + step);
    }
    assert!(killed > 3, "the upgrade has more than {calls} calls");
    figure(
        "R12",
        &format!(
            "upgrade from version 1 killed at {killed} of its {calls} writes, syncs and renames: done at the next start, rows equal"
        ),
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_backup_gives_back_every_byte() {
    let (rows, orders) = (size(2_000, 100_000), 20);
    let shop = Shop::open();
    let number = |order: usize| format!("BACK{order:06}");
    shop.orders((0..orders).map(number)).await;
    let mut listener = shop.guitai.serve(&["listen", "--port", "0", "--json"]);
    let place = listener.ready["listening"].as_str().expect("where").to_owned();
    let letters: Vec<Letter> = (0..orders).map(|order| shop.paid(&format!("back-{order}"), &number(order))).collect();
    for letter in &letters {
        assert_eq!(shop.deliver(&place, &letter.body).await.expect("an answer").0, 204);
    }
    {
        // as many deliveries as the goal says: the same ones again and again
        let store = Connection::open(shop.data().join("guitai.db")).expect("opens");
        store.busy_timeout(std::time::Duration::from_secs(30)).expect("waits");
        let copies = rows / orders;
        let more = |table: &str| {
            let mut columns = store
                .prepare(&format!("SELECT name FROM pragma_table_info('{table}') WHERE name <> 'id'"))
                .expect("columns");
            let columns: Vec<String> =
                columns.query_map([], |row| row.get(0)).expect("columns").map(|it| it.expect("a column")).collect();
            let columns = columns.join(", ");
            store
                .execute_batch(&format!(
                    "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {copies})
                     INSERT INTO {table} (id, {columns}) SELECT id + i * 1000, {columns} FROM {table}, n WHERE id <= {orders}"
                ))
                .expect("more");
        };
        more("callbacks");
        more("callback_raw");
    }
    // while the listener goes on
    let file = shop.guitai.path("shop.backup");
    let file = file.to_str().expect("UTF-8");
    let since = Instant::now();
    let facts = shop.guitai.json(&["backup", file]);
    let copied = since.elapsed();
    assert_eq!(shop.deliver(&place, &letters[0].body).await.expect("an answer").0, 204);
    assert_eq!(listener.signal("TERM").code(), Some(0));
    let wanted = content(&reading(Path::new(file)), None);
    assert_eq!(facts["callbacks"], facts["callbacks_hashed"]);
    assert!(wanted["callback_raw"].1.len() >= rows);

    let other = Guitai::new();
    let since = Instant::now();
    let _ = other.json(&["restore", file]);
    let restored = since.elapsed();
    let store = reading(&other.path("data").join("guitai.db"));
    same(&wanted, &content(&store, Some(&wanted)), "restored elsewhere");
    sound(&other);
    // and over the store that is there, which is kept aside
    let put_back = shop.guitai.json(&["restore", file]);
    same(&wanted, &content(&shop.store(), Some(&wanted)), "restored in its place");
    let aside = put_back["kept_aside"].as_str().expect("the store before");
    assert_eq!(content(&reading(Path::new(aside)), None)["callbacks"].1.len(), wanted["callbacks"].1.len() + 1);
    shop.sound();
    figure(
        "R13",
        &format!(
            "{} deliveries: backup {} ms, restore {} ms, each checked and hashed; all rows and hashes equal",
            wanted["callback_raw"].1.len(),
            copied.as_millis(),
            restored.as_millis()
        ),
    );
}
