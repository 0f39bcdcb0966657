//! A table of hostile requests over real sockets: each gets its status (or none), never a second
//! answer, and the next good request is served. `tests/hostile` sends the same table to the real listener and sandbox.

mod support;

use guitai_door::{Keep, Limits};
use support::table::{self, Expected};
use support::{GOOD, open, statuses, talk};

#[tokio::test]
async fn every_hostile_request_gets_its_one_answer_and_the_door_goes_on() {
    let door =
        open(Limits { read_deadline: std::time::Duration::from_secs(5), keep: Keep::Never, ..Limits::listener() });
    let hostile = table::hostile();
    assert!(hostile.len() >= 289, "{} cases", hostile.len());
    let mut wrong = Vec::new();
    for case in hostile.iter().chain(&table::welcome()) {
        let answer = if case.cut {
            // The client closes its side, or the deadline would have to pass.
            use tokio::io::AsyncWriteExt;
            let mut stream = support::connect(door.addr()).await;
            stream.write_all(&case.bytes).await.expect("sent");
            stream.shutdown().await.expect("half-closed");
            support::read_all(&mut stream).await
        } else {
            talk(door.addr(), &case.bytes).await
        };
        let (Expected::Always(expected) | Expected::FewMethods(expected) | Expected::SmallBodies(expected)) =
            case.expected;
        if statuses(&answer) != [expected] {
            wrong.push(format!("{}: expected {expected}, got {:?}", case.name, String::from_utf8_lossy(&answer)));
        }
        let refused = expected != 200;
        let text = String::from_utf8_lossy(&answer).to_ascii_lowercase();
        if refused && !text.contains("{\"code\":\"fail\"") {
            wrong.push(format!("{}: not in WeChat Pay's form: {text}", case.name));
        }
        if text.contains("\r\nserver:") || !text.contains("\r\nconnection: close\r\n") && !text.starts_with("http/1.0")
        {
            wrong.push(format!("{}: names its server, or promises to go on: {text}", case.name));
        }
        let good = talk(door.addr(), GOOD).await;
        if statuses(&good) != [200] {
            wrong.push(format!("after {}: {:?}", case.name, String::from_utf8_lossy(&good)));
        }
    }
    assert!(wrong.is_empty(), "{} of {} wrong:\n{}", wrong.len(), hostile.len(), wrong.join("\n"));
    let counters = door.counters();
    assert_eq!(counters.refused.values().sum::<u64>(), hostile.len() as u64, "{counters:?}");
    assert_eq!(counters.panics, 0);
}

#[tokio::test]
async fn any_single_byte_changed_is_answered_or_refused_once() {
    let door =
        open(Limits { read_deadline: std::time::Duration::from_millis(300), keep: Keep::Never, ..Limits::listener() });
    let request = b"POST /n?a HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n";
    let mut tasks = tokio::task::JoinSet::new();
    for at in 0..request.len() {
        for byte in [0, b'\n', b'\r', b' ', b':', b'0', b'9', b'a', 0x80, 0xff] {
            let mut bytes = request.to_vec();
            bytes[at] = byte;
            let addr = door.addr();
            tasks.spawn(async move { (at, byte, talk(addr, &bytes).await) });
            if tasks.len() >= 64 {
                check_one(tasks.join_next().await);
            }
        }
    }
    while !tasks.is_empty() {
        check_one(tasks.join_next().await);
    }
    assert_eq!(door.counters().panics, 0);
}

type Outcome = Option<Result<(usize, u8, Vec<u8>), tokio::task::JoinError>>;

fn check_one(done: Outcome) {
    let (at, byte, answer) = done.expect("a task").expect("finished");
    assert_eq!(statuses(&answer).len(), 1, "byte {at} = {byte}: {:?}", String::from_utf8_lossy(&answer));
}
