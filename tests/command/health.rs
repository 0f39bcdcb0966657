//! `guitai health` beside a listener, and the log that the listener leaves.

use guitai_tests::command::Guitai;
use serde_json::Value;

#[test]
fn a_listener_is_seen_while_it_listens_and_leaves_a_log() {
    let guitai = Guitai::new();
    let (_sandbox, file) = guitai.sandbox();
    let _ = guitai.json(&["merchant", "add", "shop", "--from-sandbox", &file]);
    assert_eq!(guitai.json(&["health"])["serving"], Value::Array(Vec::new()));

    let mut listener = guitai.serve(&["listen", "--port", "0", "--json"]);
    let health = guitai.json(&["health"]);
    let one = &health["serving"][0];
    assert_eq!((&one["address"], &one["gone"]), (&listener.ready["listening"], &Value::Bool(false)));
    assert_eq!((&one["pid"], &one["program"]), (&Value::from(listener.pid()), &Value::from("guitai")));
    assert_eq!(one["deliveries"]["applied"], 0);
    assert!(one["commits"]["writes"].as_u64().is_some_and(|writes| writes > 0), "{one}");
    assert!(health["store_bytes"].as_u64().is_some_and(|bytes| bytes > 0));
    let people = guitai.run(&["health"]);
    assert!(people.stdout.contains("rejected by") && people.stdout.contains("restore drill"), "{}", people.stdout);

    assert_eq!(listener.signal("TERM").code(), Some(0));
    assert_eq!(guitai.json(&["health"])["serving"], Value::Array(Vec::new()));
    let log = std::fs::read_to_string(guitai.path("data/logs/listen.log")).expect("a log");
    let lines: Vec<Value> = log.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    let said: Vec<&str> = lines.iter().filter_map(|line| line["message"].as_str()).collect();
    assert_eq!(said.first(), Some(&"started"), "{log}");
    assert_eq!(said.last(), Some(&"the callback listener is closed"), "{log}");
    assert!(lines.iter().all(|line| line["at"].is_string() && line["level"].is_string() && line["fields"].is_object()));
}
