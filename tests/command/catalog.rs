//! `guitai catalog`, and `guitai listen --api` that sells from it.

use guitai_tests::command::{Guitai, post};
use serde_json::json;

#[test]
fn the_catalogue_takes_yuan_and_shows_fen() {
    let guitai = Guitai::new();
    let added =
        guitai.json(&["catalog", "add", "data-30g", "--name", "流量包 30 GB", "--price", "29.90", "--type", "data"]);
    assert_eq!(
        (&added["id"], &added["name"], &added["price"], &added["type"]),
        (&json!("data-30g"), &json!("流量包 30 GB"), &json!(2990), &json!("data"))
    );
    let _ = guitai.json(&["catalog", "add", "a", "--name", "A", "--price", "1"]);
    let list = guitai.json(&["catalog", "list"]);
    let ids: Vec<_> = list["items"].as_array().expect("items").iter().map(|entry| entry["id"].clone()).collect();
    assert_eq!((ids, &list["next"]), (vec![json!("a"), json!("data-30g")], &json!(null)));
    assert!(list["items"][0].get("type").is_none(), "{list}");
    for price in ["29.901", "-1", "0", "", "1e3", "29,90", "10000000.01"] {
        let error = guitai.error(2, &["catalog", "add", "b", "--name", "B", "--price", price]);
        assert_eq!(error["code"], "INVALID_FIELD", "{price}");
    }
    assert_eq!(guitai.error(2, &["catalog", "add", "b c", "--name", "B", "--price", "1"])["code"], "INVALID_FIELD");
    assert_eq!(guitai.error(1, &["catalog", "add", "a", "--name", "B", "--price", "1"])["code"], "CATALOG_EXISTS");
    assert_eq!(guitai.json(&["catalog", "remove", "a"])["removed"], "a");
    assert_eq!(guitai.error(1, &["catalog", "remove", "a"])["code"], "CATALOG_NOT_FOUND");
    let people = guitai.run(&["catalog", "list"]);
    assert!(people.stdout.contains("¥29.90"), "{}", people.stdout);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_api_is_there_when_it_is_asked_for() {
    let guitai = Guitai::new();
    let (_sandbox, file) = guitai.sandbox();
    let _ = guitai.json(&["merchant", "add", "shop", "--from-sandbox", &file]);
    let _ = guitai.json(&["catalog", "add", "p", "--name", "P", "--price", "0.01"]);
    for (arguments, expected) in [(&["listen", "--port", "0"][..], 404), (&["listen", "--port", "0", "--api"], 200)] {
        let mut listener = guitai.serve(&[arguments, &["--json"]].concat());
        let place = listener.ready["listening"].as_str().expect("a place").to_owned();
        let (status, session) = post(&format!("{place}/v1/login"), &json!({ "code": "sandbox-alice" })).await;
        assert_eq!(status, expected, "{session}");
        assert_eq!(listener.ready.get("api").is_some(), expected == 200, "{}", listener.ready);
        assert!(listener.signal("TERM").success());
    }
    let refused = guitai.error(2, &["listen", "--port", "0", "--api", "--api-origin", "shop.example"]);
    assert_eq!(refused["code"], "INVALID_FIELD");
    assert_eq!(guitai.run(&["listen", "--api-origin", "https://shop.example"]).status, Some(2), "only with --api");
}
