//! A door whose process has used up its descriptors: it refuses nobody for good, and goes on when there are some again.
//! A test binary of its own, because the limit is the whole process's.
#![cfg(target_os = "linux")]

mod support;

use std::io::Write;

use guitai_door::Limits;
use support::{GOOD, open, read_all, statuses, talk};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_door_without_descriptors_goes_on_when_there_are_some_again() {
    let door = open(Limits::listener());
    assert_eq!(statuses(&talk(door.addr(), GOOD).await), [200]);
    while door.counters().open > 0 {
        tokio::task::yield_now().await;
    }
    // Sockets that will call, made while there are descriptors; then the rest is used up.
    let callers: Vec<socket2::Socket> = (0..20)
        .map(|_| socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).expect("a socket"))
        .collect();
    let (_, hard) = rlimit::Resource::NOFILE.get().expect("the limit");
    let used = std::fs::read_dir("/proc/self/fd").expect("descriptors").count() as u64;
    rlimit::Resource::NOFILE.set(used + 8, hard).expect("a lower limit");
    let mut fillers = Vec::new();
    while let Ok(file) = std::fs::File::open("/dev/null") {
        fillers.push(file);
    }
    let mut streams = Vec::new();
    for caller in callers {
        caller.connect(&door.addr().into()).expect("the system takes the connection");
        let mut stream = std::net::TcpStream::from(caller);
        stream.write_all(GOOD).expect("sent");
        streams.push(stream);
    }
    while door.counters().accept_errors < 3 {
        tokio::task::yield_now().await;
    }
    assert_eq!(door.counters().open, 0, "{:?}", door.counters());
    rlimit::Resource::NOFILE.set(used + 200, hard).expect("a higher limit");
    drop(fillers);
    for (number, stream) in streams.into_iter().enumerate() {
        stream.set_nonblocking(true).expect("set");
        let mut stream = tokio::net::TcpStream::from_std(stream).expect("registered");
        assert_eq!(statuses(&read_all(&mut stream).await), [200], "caller {number}: {:?}", door.counters());
    }
    assert_eq!(statuses(&talk(door.addr(), GOOD).await), [200]);
}
