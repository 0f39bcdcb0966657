//! What a door promises beyond framing: deadlines, room, kept connections, misbehaving handlers, closing.

mod support;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bytes::Bytes;
use guitai_door::{Answer, Door, DoorError, Keep, Limits, Request};
use support::{GOOD, PATIENCE, connect, echo, loopback, open, read_all, read_answer, statuses, talk};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::sync::{Notify, Semaphore};
use tokio::task::JoinSet;
use tokio::time::timeout;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_burst_of_fresh_connections_is_answered_whole() {
    let door = open(Limits::listener());
    let mut tasks = JoinSet::new();
    for _ in 0..256 {
        let addr = door.addr();
        tasks.spawn(async move { talk(addr, GOOD).await });
    }
    while let Some(answer) = tasks.join_next().await {
        assert_eq!(statuses(&answer.expect("finished")), [200]);
    }
    assert_eq!(door.counters().evicted, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn held_half_heads_cost_good_callers_nothing() {
    let door = open(Limits { max_connections: 256, ..Limits::listener() });
    let mut held = Vec::new();
    for _ in 0..500 {
        let mut stream = connect(door.addr()).await;
        stream.write_all(b"POST /slow HTTP/1.1\r\nHos").await.expect("sent");
        held.push(stream);
    }
    for _ in 0..50 {
        assert_eq!(statuses(&talk(door.addr(), GOOD).await), [200]);
    }
    let counters = door.counters();
    assert!(counters.open <= 256, "{counters:?}");
    assert!(counters.evicted >= 500 - 256, "{counters:?}");
}

#[tokio::test]
async fn the_oldest_unfinished_goes_first_and_a_request_being_answered_stays() {
    let gate = Arc::new(Notify::new());
    let begun = Arc::new(Semaphore::new(0));
    let door =
        Door::open(loopback(), Limits { max_connections: 10, eviction_grace: Duration::ZERO, ..Limits::listener() }, {
            let (gate, begun) = (Arc::clone(&gate), Arc::clone(&begun));
            move |request: Request| {
                let (gate, begun) = (Arc::clone(&gate), Arc::clone(&begun));
                async move {
                    begun.add_permits(1);
                    gate.notified().await;
                    echo(request).await
                }
            }
        })
        .expect("a free port");
    let mut answered = connect(door.addr()).await;
    answered.write_all(GOOD).await.expect("sent");
    begun.acquire().await.expect("the handler runs").forget();

    let mut slow = Vec::new();
    for _ in 0..8 {
        let mut stream = connect(door.addr()).await;
        stream.write_all(b"GET / HTTP/1.1\r\n").await.expect("sent");
        slow.push(stream);
    }
    // Places: 1 answered + 8 slow: the last came at four fifths and sent the first slow one away.
    assert_eq!(read_all(&mut slow[0]).await, b"", "evicted without a word");
    slow[1].write_all(b"Host: a\r\nConnection: close\r\n\r\n").await.expect("sent");
    begun.acquire().await.expect("the second oldest still reads").forget();
    assert_eq!(door.counters().evicted, 1);
    gate.notify_waiters();
    assert_eq!(statuses(&read_all(&mut answered).await), [200]);
    assert_eq!(statuses(&read_all(&mut slow[1]).await), [200]);
}

#[tokio::test]
async fn a_trickled_body_is_cut_by_the_absolute_deadline() {
    let door = open(Limits { read_deadline: Duration::from_millis(150), ..Limits::listener() });
    let mut stream = connect(door.addr()).await;
    stream.write_all(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 60000\r\n\r\n").await.expect("sent");
    let (mut reading, mut writing) = stream.into_split();
    let trickle = tokio::spawn(async move {
        // Each byte comes well within the deadline; none resets it.
        let mut ticks = tokio::time::interval(Duration::from_millis(5));
        loop {
            ticks.tick().await;
            if writing.write_all(b"x").await.is_err() {
                return;
            }
        }
    });
    let mut answer = Vec::new();
    let _ = timeout(PATIENCE, reading.read_to_end(&mut answer)).await.expect("cut");
    assert_eq!(statuses(&answer), [408]);
    trickle.abort();
    // Silence from the start isn't worth an answer.
    let mut silent = connect(door.addr()).await;
    assert_eq!(read_all(&mut silent).await, b"");
    assert_eq!(door.counters().refused, [("deadline", 1)].into());
}

#[tokio::test]
async fn a_too_large_body_hears_413_while_it_is_still_being_sent() {
    let door = open(Limits::listener());
    for head in ["Content-Length: 50000000", "Transfer-Encoding: chunked"] {
        let stream = connect(door.addr()).await;
        let (mut reading, mut writing) = stream.into_split();
        let sending = tokio::spawn(async move {
            let _ = writing.write_all(format!("POST / HTTP/1.1\r\nHost: a\r\n{head}\r\n\r\n").as_bytes()).await;
            let block = format!("2000\r\n{}\r\n", "x".repeat(0x2000));
            for _ in 0..2000 {
                if writing.write_all(block.as_bytes()).await.is_err() {
                    return;
                }
            }
        });
        let mut answer = Vec::new();
        let _ = timeout(PATIENCE, reading.read_to_end(&mut answer)).await.expect("in time");
        assert_eq!(statuses(&answer), [413], "{head}");
        sending.abort();
    }
}

#[tokio::test]
async fn expect_100_continue_is_honoured() {
    let door = open(Limits::sandbox());
    let mut stream = connect(door.addr()).await;
    for _ in 0..2 {
        stream
            .write_all(b"POST /e HTTP/1.1\r\nHost: a\r\nExpect: 100-Continue\r\nContent-Length: 2\r\n\r\n")
            .await
            .expect("sent");
        assert_eq!(read_answer(&mut stream).await, "HTTP/1.1 100 Continue\r\n\r\n");
        stream.write_all(b"ok").await.expect("sent");
        assert!(read_answer(&mut stream).await.ends_with("POST /e ok"));
    }
    // A body that is already there needs no go-ahead.
    stream
        .write_all(b"POST /f HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\nok")
        .await
        .expect("sent");
    assert!(read_answer(&mut stream).await.ends_with("POST /f ok"));
}

#[tokio::test]
async fn a_kept_connection_carries_requests_one_after_the_other_and_ends_when_idle() {
    let door = open(Limits { idle_deadline: Duration::from_millis(100), ..Limits::sandbox() });
    let mut stream = connect(door.addr()).await;
    // Pipelined: answered in order.
    let three = b"GET /1 HTTP/1.1\r\nHost: a\r\n\r\nPOST /2 HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\n\r\nHEAD /3 HTTP/1.1\r\nHost: a\r\n\r\n";
    stream.write_all(three).await.expect("sent");
    assert!(read_answer(&mut stream).await.ends_with("GET /1 "));
    assert!(read_answer(&mut stream).await.ends_with("POST /2 x"));
    let mut rest = Vec::new();
    let _ = timeout(PATIENCE, stream.read_to_end(&mut rest)).await.expect("closed when idle");
    assert_eq!(statuses(&rest), [200]);
    assert!(rest.ends_with(b"\r\n\r\n"), "no body after HEAD");

    // A refusal after good answers, on the same connection.
    let answers = talk(
        door.addr(),
        b"GET /1 HTTP/1.1\r\nHost: a\r\n\r\nGET /2 HTTP/1.1\r\n\r\nGET /3 HTTP/1.1\r\nHost: a\r\n\r\n",
    )
    .await;
    assert_eq!(statuses(&answers), [200, 400]);
    // Asked to close, it closes.
    let answers = talk(
        door.addr(),
        b"GET /1 HTTP/1.1\r\nHost: a\r\nConnection: Keep-Alive, Close\r\n\r\nGET /2 HTTP/1.1\r\nHost: a\r\n\r\n",
    )
    .await;
    assert_eq!(statuses(&answers), [200]);
}

#[tokio::test]
async fn the_handler_gets_what_was_sent_as_it_was_sent() {
    let (tx, mut rx) = tokio::sync::mpsc::unbounded_channel();
    let door = Door::open(loopback(), Limits::sandbox(), move |request: Request| {
        let _ = tx.send(request);
        async { Answer::empty(204) }
    })
    .expect("a free port");
    let mut stream = connect(door.addr()).await;
    stream
        .write_all(b"DELETE /A%2fb//..?x=%41&y HTTP/1.1\r\nhOst: Q:1\r\nX-Two: a\r\nx-two:\t b c \r\nContent-Length: 3\r\n\r\n\0\xff\n")
        .await
        .expect("sent");
    let answer = read_answer(&mut stream).await;
    assert!(
        answer.starts_with("HTTP/1.1 204 No Content\r\n") && !answer.to_ascii_lowercase().contains("content-length"),
        "{answer}"
    );
    let request = rx.recv().await.expect("a request");
    assert_eq!((request.method.as_str(), request.target.as_str()), ("DELETE", "/A%2fb//..?x=%41&y"));
    let headers: Vec<_> = request.headers.iter().map(|(n, v)| (n.as_str(), v.as_str())).collect();
    assert_eq!(headers, [("hOst", "Q:1"), ("X-Two", "a"), ("x-two", "b c"), ("Content-Length", "3")]);
    assert_eq!(request.body, Bytes::from_static(b"\0\xff\n"));
    assert_eq!(request.peer, stream.local_addr().expect("bound"));
}

#[tokio::test]
async fn a_panicking_handler_is_a_500_and_the_door_stays() {
    let door = Door::open(loopback(), Limits::listener(), |request: Request| async move {
        assert!(request.target != "/panic", "on purpose");
        match request.target.as_str() {
            "/bad-header" => {
                Answer::Full { status: 200, headers: vec![("a b".into(), "\n".into())], body: Bytes::new() }
            }
            "/bad-status" => Answer::empty(42),
            _ => Answer::empty(200),
        }
    })
    .expect("a free port");
    for (target, status) in [("/panic", 500), ("/bad-header", 500), ("/bad-status", 500), ("/", 200)] {
        let answer =
            talk(door.addr(), format!("GET {target} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n").as_bytes())
                .await;
        assert_eq!(statuses(&answer), [status], "{target}");
    }
    assert_eq!(door.counters().panics, 1);
}

#[tokio::test]
async fn work_that_was_begun_goes_on_when_its_connection_is_cut() {
    let (begun, gate) = (Arc::new(Semaphore::new(0)), Arc::new(Notify::new()));
    let (done, mut ended) = tokio::sync::mpsc::unbounded_channel();
    let door = Door::open(loopback(), Limits::sandbox(), {
        let (begun, gate) = (Arc::clone(&begun), Arc::clone(&gate));
        move |request: Request| {
            let (begun, gate, done) = (Arc::clone(&begun), Arc::clone(&gate), done.clone());
            async move {
                begun.add_permits(1);
                gate.notified().await;
                let _ = done.send(request.target.clone());
                assert!(request.target != "/panic", "on purpose");
                echo(request).await
            }
        }
    })
    .expect("a free port");
    let mut streams = Vec::new();
    for target in ["/work", "/panic"] {
        let mut stream = connect(door.addr()).await;
        stream.write_all(format!("GET {target} HTTP/1.1\r\nHost: a\r\n\r\n").as_bytes()).await.expect("sent");
        begun.acquire().await.expect("begun").forget();
        streams.push(stream);
    }
    drop(door);
    for stream in &mut streams {
        assert_eq!(read_all(stream).await, b"", "cut");
    }
    gate.notify_waiters();
    let mut heard = Vec::new();
    while heard.len() < 2 {
        heard.push(timeout(PATIENCE, ended.recv()).await.expect("it went on").expect("told"));
    }
    heard.sort();
    assert_eq!(heard, ["/panic", "/work"]);
}

#[tokio::test]
async fn misbehaviour_on_purpose_reaches_the_client() {
    let limits = Limits { answer_deadline: Duration::from_millis(100), ..Limits::sandbox() };
    let door = Door::open(loopback(), limits, |request: Request| async move {
        match request.target.as_str() {
            "/hang" => Answer::Hang,
            "/reset" => Answer::Reset,
            "/cut" => Answer::Cut { bytes: Bytes::from_static(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf") },
            "/late" => std::future::pending().await,
            _ => echo(request).await,
        }
    })
    .expect("a free port");
    let ask = |target: &str| format!("GET {target} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n").into_bytes();
    assert_eq!(talk(door.addr(), &ask("/hang")).await, b"");
    assert!(talk(door.addr(), &ask("/cut")).await.ends_with(b"\r\n\r\nhalf"));
    assert_eq!(statuses(&talk(door.addr(), &ask("/late")).await), [503]);
    let mut stream = connect(door.addr()).await;
    stream.write_all(&ask("/reset")).await.expect("sent");
    let error = timeout(PATIENCE, stream.read_u8()).await.expect("in time").expect_err("reset");
    assert_eq!(error.kind(), std::io::ErrorKind::ConnectionReset);
    assert_eq!(statuses(&talk(door.addr(), &ask("/")).await), [200]);
    assert_eq!(door.counters().overdue, 1);
}

#[tokio::test]
async fn close_finishes_what_is_in_flight_and_frees_the_port() {
    let begun = Arc::new(Semaphore::new(0));
    let gate = Arc::new(Notify::new());
    let door = Door::open(loopback(), Limits::sandbox(), {
        let (begun, gate) = (Arc::clone(&begun), Arc::clone(&gate));
        move |request: Request| {
            let (begun, gate) = (Arc::clone(&begun), Arc::clone(&gate));
            async move {
                begun.add_permits(1);
                gate.notified().await;
                echo(request).await
            }
        }
    })
    .expect("a free port");
    let addr = door.addr();
    assert!(matches!(Door::open(addr, Limits::listener(), echo), Err(DoorError::PortInUse { addr: a }) if a == addr));

    let mut in_flight = connect(addr).await;
    in_flight.write_all(GOOD).await.expect("sent");
    begun.acquire().await.expect("begun").forget();
    let mut idle = connect(addr).await;
    let mut half = connect(addr).await;
    half.write_all(b"POST /half HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n")
        .await
        .expect("sent");
    assert_eq!(statuses(read_answer(&mut half).await.as_bytes()), [100], "its head was read");

    while door.counters().accepted < 3 {
        tokio::task::yield_now().await;
    }
    let closing = tokio::spawn(door.close());
    assert_eq!(read_all(&mut idle).await, b"", "an idle connection ends at once");
    half.write_all(b"ok").await.expect("a request that had begun may still end");
    begun.acquire().await.expect("begun").forget();
    gate.notify_waiters();
    for stream in [&mut in_flight, &mut half] {
        let answer = read_all(stream).await;
        assert_eq!(statuses(&answer), [200]);
        assert!(String::from_utf8_lossy(&answer).to_ascii_lowercase().contains("connection: close"));
    }
    drop((in_flight, half, idle));
    timeout(PATIENCE, closing).await.expect("closed").expect("no panic");
    drop(Door::open(addr, Limits::listener(), echo).expect("the port is free again"));
}

#[tokio::test]
async fn close_cuts_what_does_not_end_within_the_grace() {
    let limits = Limits { close_grace: Duration::from_millis(50), ..Limits::listener() };
    let door = Door::open(loopback(), limits, |_| std::future::pending()).expect("a free port");
    let mut stream = connect(door.addr()).await;
    stream.write_all(GOOD).await.expect("sent");
    timeout(PATIENCE, door.close()).await.expect("closed");
    assert_eq!(read_all(&mut stream).await, b"");
}

#[tokio::test]
async fn a_stream_from_elsewhere_is_served_with_the_same_handler() {
    let seen = Arc::new(AtomicUsize::new(0));
    let door = Door::open(loopback(), Limits::sandbox(), {
        let seen = Arc::clone(&seen);
        move |request: Request| {
            seen.fetch_add(1, Ordering::SeqCst);
            async move { Answer::full(200, "text/plain", request.via.as_deref().unwrap_or("-").to_owned()) }
        }
    })
    .expect("a free port");
    assert!(talk(door.addr(), b"GET / HTTP/1.0\r\nHost: a\r\n\r\n").await.ends_with(b"-"));
    let other = tokio::net::TcpListener::bind(loopback()).await.expect("a free port");
    let mut client = connect(other.local_addr().expect("bound")).await;
    let (io, peer) = other.accept().await.expect("accepted");
    let served = tokio::spawn({
        let entrance = door.entrance();
        async move { entrance.serve_stream(io, peer, Some("https://api.example".into())).await }
    });
    client.write_all(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n").await.expect("sent");
    assert!(read_answer(&mut client).await.ends_with("https://api.example"));
    drop(client);
    timeout(PATIENCE, served).await.expect("ends with its client").expect("no panic");
    assert_eq!(seen.load(Ordering::SeqCst), 2);
}

#[tokio::test]
async fn a_proxy_door_gives_the_stream_away_with_what_came_early() {
    let door = Door::open(loopback(), Limits::proxy(), |request: Request| async move {
        if request.method != "CONNECT" {
            return Answer::empty(403);
        }
        Answer::Tunnel(guitai_door::Tunnel::new(|mut wire| async move {
            let mut five = [0; 5];
            if wire.read_exact(&mut five).await.is_ok() {
                five.reverse();
                let _ = wire.write_all(&five).await;
            }
        }))
    })
    .expect("a free port");
    for head in [
        "CONNECT api.example:443 HTTP/1.1\r\nHost: api.example:443\r\n\r\n",
        // Python before 3.12 and OpenSSL's s_client.
        "CONNECT api.example:443 HTTP/1.0\r\n\r\n",
    ] {
        let answer = talk(door.addr(), format!("{head}early").as_bytes()).await;
        assert_eq!(answer, b"HTTP/1.1 200 Connection Established\r\n\r\nylrae", "{head}");
    }
    assert_eq!(statuses(&talk(door.addr(), b"GET http://a/ HTTP/1.1\r\nHost: a\r\n\r\n").await), [403]);
}

#[tokio::test]
async fn only_who_was_answered_yes_keeps_a_listeners_connection() {
    let door = Door::open(loopback(), Limits::listener(), |request: Request| async move {
        Answer::empty(if request.path() == "/yes" { 204 } else { 404 })
    })
    .expect("it opens");
    let ask = |path: &str| format!("POST {path} HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n").into_bytes();
    let mut stream = connect(door.addr()).await;
    for _ in 0..3 {
        stream.write_all(&ask("/yes")).await.expect("sent");
        let answer = read_answer(&mut stream).await;
        assert_eq!(statuses(answer.as_bytes()), [204]);
        assert!(!answer.to_ascii_lowercase().contains("connection: close"));
    }
    // A second request that came along with a refused one is never looked at.
    stream.write_all(&[ask("/no"), ask("/yes")].concat()).await.expect("sent");
    assert_eq!(statuses(&read_all(&mut stream).await), [404]);
    door.close().await;
}

#[tokio::test]
async fn a_handler_can_wait_until_its_answer_is_out() {
    for keep in [Keep::Never, Keep::Always] {
        let (told, mut heard) = tokio::sync::mpsc::unbounded_channel();
        let finish = Arc::new(Notify::new());
        let door = Door::open(loopback(), Limits { keep, ..Limits::sandbox() }, {
            let finish = Arc::clone(&finish);
            move |request: Request| {
                let (told, finish) = (told.clone(), Arc::clone(&finish));
                async move {
                    let (answered, answer) = (request.answered.clone(), request.path() == "/");
                    tokio::spawn(async move { told.send(answered.wait().await) });
                    finish.notified().await;
                    if answer { Answer::empty(204) } else { Answer::Reset }
                }
            }
        })
        .expect("it opens");
        let mut stream = connect(door.addr()).await;
        stream.write_all(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n").await.expect("sent");
        tokio::task::yield_now().await;
        assert!(heard.try_recv().is_err(), "nothing is out yet");
        finish.notify_one();
        let _ = read_answer(&mut stream).await;
        assert_eq!(timeout(PATIENCE, heard.recv()).await.expect("told"), Some(true), "{keep:?}");

        let mut stream = connect(door.addr()).await;
        stream.write_all(b"GET /gone HTTP/1.1\r\nHost: a\r\n\r\n").await.expect("sent");
        finish.notify_one();
        assert_eq!(timeout(PATIENCE, heard.recv()).await.expect("told"), Some(false), "{keep:?}");
        door.close().await;
    }
}
