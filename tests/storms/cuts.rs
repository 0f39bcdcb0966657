//! R2: power cuts. A listener's every write, sync and answer is recorded; then the disk is put together as it may look
//! when the power goes at any moment, and opened. What was acknowledged before that moment has to be there.
//!
//! What this can't show: disks that say "synced" and are not (the counter-test below is such a disk, and loses), file
//! systems that break their own promises, and sectors that turn into something that nobody wrote.

use crate::shop::{Ack, Dice, Letter, Shop, figure, missing, size, sound};
use crate::trace::{ALL, Disk, Done, What, acknowledged, after_cut, read, traced};
use guitai_tests::command::{Guitai, Serving};
use rusqlite::Connection;
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// The store's files in a folder; the index of the log is not one: it is memory.
fn files(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let name = |name: &str| Some((name.to_owned(), std::fs::read(folder.join(name)).ok()?));
    ["guitai.db", "guitai.db-wal"].into_iter().filter_map(name).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_acknowledged_is_lost_by_power_cuts() {
    let (orders, cuts) = (size(60, 400), size(30, 200));
    let mut dice = Dice::new(2);
    let shop = Arc::new(Shop::open());
    let record = shop.guitai.path("record");
    let number = |order: usize| format!("CUT{order:06}");
    shop.orders((0..orders).map(number)).await;
    for name in ["guitai.db-wal", "guitai.db-shm"] {
        let _ = std::fs::remove_file(shop.data().join(name));
    }
    let before = files(&shop.data());
    let Some(mut command) = traced(&shop.guitai.command(&["listen", "--port", "0", "--json"]), &record, &ALL) else {
        println!("R2 skipped: strace is not installed or may not trace here");
        return;
    };
    command
        .stdin(std::process::Stdio::null())
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::piped());
    let mut listener = Serving::start(command);
    let place = listener.line()["listening"].as_str().expect("where").to_owned();

    let letters: Vec<Letter> = (0..orders).map(|order| shop.paid(&format!("pay-{order}"), &number(order))).collect();
    let mut acks = Vec::new();
    for burst in (0..orders).collect::<Vec<_>>().chunks(orders.div_ceil(5)) {
        for few in burst.chunks(8) {
            let mut sending = tokio::task::JoinSet::new();
            for letter in few.iter().copied() {
                let (shop, place, body) = (shop.clone(), place.clone(), letters[letter].body.clone());
                sending.spawn(async move { (letter, shop.deliver(&place, &body).await) });
            }
            while let Some(sent) = sending.join_next().await {
                let (letter, answer) = sent.expect("a sender");
                let (status, nonce, signature) = answer.expect("an answer");
                assert_eq!(status, 204);
                acks.push(Ack { letter, nonce, signature });
            }
        }
        // the store moves its log into the file when nothing was written for 250 ms: cuts should fall there too
        let (before, deadline) = (checkpoints(&record), Instant::now() + Duration::from_secs(20));
        while checkpoints(&record) == before && Instant::now() < deadline {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }
    assert_eq!(listener.signal("KILL").code(), None);
    let record = ended(&record).await;
    let done = read(&record);
    let lines = record.lines().count();
    let answered = acknowledged(&done);
    assert_eq!(answered.len(), orders, "each answer is in the record");
    let checkpoints = syncs_of_the_file(&done);
    assert!(checkpoints > 0, "the log was moved into the file meanwhile");

    let look = |cut: usize, disk: Disk, dice: &mut Dice| {
        let image = after_cut(&done, cut, &shop.data(), &before, disk, dice);
        let guitai = Guitai::new();
        let folder = guitai.path("data");
        std::fs::create_dir(&folder).expect("a folder");
        for (name, bytes) in &image {
            std::fs::write(folder.join(name), bytes).expect("an image");
        }
        let promised: Vec<Ack> = acks
            .iter()
            .filter(|ack| answered.iter().any(|(line, nonce)| *nonce == ack.nonce && *line < cut))
            .cloned()
            .collect();
        (guitai, promised)
    };
    let (mut promises, mut most) = (0, 0);
    for number in 0..cuts {
        // anywhere, and every other time just after an answer left
        let cut = match number % 2 {
            0 => dice.roll(lines),
            _ => answered[dice.roll(answered.len())].0 + 1,
        };
        let (guitai, promised) = look(cut, Disk::Honest, &mut dice);
        sound(&guitai);
        let store = Connection::open(guitai.path("data").join("guitai.db")).expect("it opens");
        let lost = missing(&store, &letters, &promised);
        assert!(lost.is_empty(), "cut {number} at line {cut}: {} of {} lost", lost.len(), promised.len());
        promises += promised.len();
        most = most.max(promised.len());
    }
    // the look would see it: on a disk whose syncs do nothing, promises are broken
    let mut broken = 0;
    for (line, _) in answered.iter().rev().take(10) {
        let (guitai, promised) = look(line + 1, Disk::Lying, &mut dice);
        let kept = Connection::open(guitai.path("data").join("guitai.db")).is_ok_and(|store| {
            let whole = store.query_row("PRAGMA integrity_check", [], |row| row.get::<_, String>(0));
            whole.is_ok_and(|said| said == "ok") && missing(&store, &letters, &promised).is_empty()
        });
        broken += usize::from(!kept);
    }
    assert!(broken > 0, "a disk that lies was not noticed");
    figure(
        "R2",
        &format!(
            "{cuts} cuts of a record of {lines} calls with {checkpoints} checkpoints: {promises} promises looked at \
             (up to {most} a cut), 0 lost; a disk without syncs broke them in {broken} of 10"
        ),
    );
}

/// How often the file itself was synced: that is when the log was moved into it.
fn syncs_of_the_file(done: &[Done]) -> usize {
    done.iter().filter(|it| matches!(&it.what, What::Sync { file } if file.ends_with(".db"))).count()
}

/// The same of a record that is still written.
fn checkpoints(record: &Path) -> usize {
    let text = std::fs::read_to_string(record).expect("a record");
    let whole = text.rfind('\n').map_or("", |end| &text[..=end]);
    syncs_of_the_file(&read(whole))
}

/// The record once strace has written its end.
async fn ended(record: &Path) -> String {
    loop {
        let text = std::fs::read_to_string(record).expect("a record");
        if text.lines().next_back().is_some_and(|line| line.contains("+++ killed")) {
            return text;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}
