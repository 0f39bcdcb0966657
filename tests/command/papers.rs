//! What leaves the desk and comes back: backup and restore, the store's doctor, receipt and dossier.

use guitai_tests::command::{Guitai, post};
use serde_json::json;

#[tokio::test(flavor = "multi_thread")]
async fn a_store_is_backed_up_lost_and_restored() {
    let guitai = Guitai::new();
    let (sandbox, file) = guitai.sandbox();
    let url = "http://127.0.0.1:9/notify/shop";
    let _ = guitai.json(&["merchant", "add", "shop", "--from-sandbox", &file, "--notify-url", url]);
    let order = guitai.json(&["order", "create", "--amount", "12.50", "--description", "<b>拿铁</b> =1+1"]);
    let no = order["out_trade_no"].as_str().unwrap();
    let _ = guitai.json(&["order", "prepay", no, "--via", "native"]);
    let pay = format!("{}/_sandbox/payments", sandbox.ready["base_url"].as_str().unwrap());
    let (status, _) = post(&pay, &json!({ "out_trade_no": no, "outcome": "SUCCESS", "notify": false })).await;
    assert_eq!(status, 200);
    let paid = guitai.json(&["order", "query", no]);
    let openid = paid["payer"]["openid"].as_str().unwrap();

    let copy = guitai.path("copy.db").display().to_string();
    let facts = guitai.json(&["backup", &copy]);
    assert_eq!((&facts["orders"], &facts["merchants"]), (&json!(1), &json!(1)), "{facts}");
    assert!(facts["note"]["en"].as_str().unwrap().contains("sealed"));
    assert_eq!(guitai.error(1, &["backup", &copy])["code"], "BACKUP_EXISTS");
    assert_eq!(guitai.json(&["restore", "--check", &copy])["orders"], 1);

    let later = guitai.json(&["order", "create", "--amount", "1.00", "--description", "later"]);
    let listening = guitai.serve(&["listen", "--port", "0", "--json"]);
    assert_eq!(guitai.error(1, &["restore", &copy])["code"], "RESTORE_STORE_OPEN");
    drop(listening);
    let cut = guitai.file("cut.db", &std::fs::read(&copy).unwrap()[..20_000]);
    assert_eq!(guitai.error(1, &["restore", &cut])["code"], "BACKUP_UNUSABLE");
    let _ = guitai.json(&["order", "show", later["out_trade_no"].as_str().unwrap()]);
    let restored = guitai.json(&["restore", &copy]);
    assert!(std::path::Path::new(restored["kept_aside"].as_str().unwrap()).exists(), "{restored}");
    assert_eq!(guitai.error(1, &["order", "show", later["out_trade_no"].as_str().unwrap()])["code"], "ORDER_NOT_FOUND");
    // the drill: keys open, WeChat Pay is asked, the store is sound (its folder here is open to others)
    assert_eq!(guitai.json(&["order", "query", no])["state"], "SUCCESS");
    let report = guitai.json(&["doctor", "store", "--mend"]);
    assert_eq!(report["ok"], true, "{report}");

    let text = guitai.run(&["order", "receipt", no]);
    assert!(text.stdout.contains("¥12.50") && text.stdout.contains(no), "{}", text.stdout);
    let page = guitai.path("receipt.html").display().to_string();
    let _ = guitai.json(&["order", "receipt", no, "--html", "--out", &page]);
    let page = std::fs::read_to_string(page).unwrap();
    assert!(page.contains("&lt;b&gt;") && !page.contains("<b>") && !page.contains("<script"), "{page}");
    let path = guitai.path("dossier.json").display().to_string();
    let _ = guitai.json(&["order", "dossier", no, "--out", &path]);
    let dossier = std::fs::read_to_string(&path).unwrap();
    assert!(!dossier.contains(openid), "the payer is in the dossier");
    for secret in ["api_v3_key", "appsecret"] {
        assert!(!dossier.contains(sandbox.ready[secret].as_str().unwrap()), "{secret} is in the dossier");
    }
    let dossier: serde_json::Value = serde_json::from_str(&dossier).unwrap();
    assert!(dossier["exchanges"].as_array().is_some_and(|all| all.len() >= 2), "{dossier}");
}
