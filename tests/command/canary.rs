//! Secrets that can be told apart from everything else go through every feature and through failures of each; then all that
//! came out is searched: what was printed, logged at its most talkative, exported, and left on disk. None is found.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use guitai_console::{AbnormalInput, MerchantInput, MerchantPatch, Options, Outside, Secret};
use guitai_tests::command::{Guitai, Ran, Serving, finish, get, post};
use serde_json::{Value, json};
use std::path::{Path, PathBuf};

const PASSPHRASE: &str = "canary-passphrase-5d1c0b7e";
const WRONG_PASSPHRASE: &str = "canary-wrong-passphrase-88f2";
/// APIv3 keys are any 32 characters.
const SECOND_KEY: &str = "CANARYsecondAPIv3key000000000abc";
const THIRD_KEY: &str = "CANARYthirdAPIv3key0000000000def";
const SHORT_KEY: &str = "CANARYshortAPIv3key";
const ACCOUNT: &str = "6222029876543210987";
const HOLDER: &str = "canary-holder-of-card";

struct Run {
    guitai: Guitai,
    sandbox: Serving,
    passphrase: String,
    /// What came out, by what was run.
    out: Vec<(String, String)>,
    /// What was logged, by what was run.
    logs: Vec<(String, String)>,
    /// The keys of the sessions that logins opened at the sandbox.
    sessions: Vec<String>,
}

impl Run {
    fn command(&self, arguments: &[&str], passphrase: &str) -> std::process::Command {
        let mut command = self.guitai.command(arguments);
        command.env("GUITAI_LOG", "trace").env("GUITAI_PASSPHRASE_FILE", passphrase);
        command
    }

    fn keep(&mut self, arguments: &[&str], ran: &Ran) {
        let name = arguments.join(" ");
        self.out.push((name.clone(), ran.stdout.clone()));
        self.logs.push((name, ran.stderr.clone()));
    }

    /// Runs it as a program would and as a person would; what it ends with is the test's business only where it is said.
    fn any(&mut self, arguments: &[&str]) -> Ran {
        let with_json = [arguments, &["--json"]].concat();
        let passphrase = self.passphrase.clone();
        let ran = finish(self.command(&with_json, &passphrase), b"");
        self.keep(arguments, &ran);
        ran
    }

    fn ok(&mut self, arguments: &[&str]) -> Value {
        let ran = self.any(arguments);
        assert_eq!(ran.status, Some(0), "{arguments:?}: {}", ran.stdout);
        ran.document()
    }

    fn fails(&mut self, arguments: &[&str]) -> String {
        let ran = self.any(arguments);
        assert!(matches!(ran.status, Some(1 | 2)), "{arguments:?}: {:?} {}", ran.status, ran.stdout);
        ran.document()["error"]["code"].as_str().unwrap_or_default().to_owned()
    }

    fn text(&self, name: &str) -> String {
        self.sandbox.ready[name].as_str().unwrap().to_owned()
    }

    async fn control(&self, name: &str, body: Value) -> Value {
        let (status, answer) = post(&format!("{}/_sandbox/{name}", self.text("base_url")), &body).await;
        assert_eq!(status, 200, "{name}: {answer}");
        answer
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn no_secret_comes_out_anywhere() {
    let guitai = Guitai::new();
    let elsewhere = guitai.path("wechatpay").to_str().unwrap().to_owned();
    // its own folder: a sandbox's secrets exist to be used and are not searched for
    let sandbox = guitai.serve(&["sandbox", "--port", "0", "--data-dir", &elsewhere]);
    let passphrase = guitai.file("passphrase", PASSPHRASE);
    let mut run = Run { guitai, sandbox, passphrase, out: Vec::new(), logs: Vec::new(), sessions: Vec::new() };
    let openid = every_feature(&mut run).await;
    failures(&mut run);
    debug_of_inputs(&mut run);

    let mut secrets = vec![
        PASSPHRASE.to_owned(),
        WRONG_PASSPHRASE.to_owned(),
        SECOND_KEY.to_owned(),
        THIRD_KEY.to_owned(),
        SHORT_KEY.to_owned(),
        ACCOUNT.to_owned(),
        HOLDER.to_owned(),
        run.text("api_v3_key"),
        run.text("appsecret"),
    ];
    let pem = std::fs::read_to_string(run.text("merchant_private_key")).unwrap();
    let lines: Vec<&str> = pem.lines().filter(|line| !line.starts_with("-----")).collect();
    let der = STANDARD.decode(lines.concat()).unwrap();
    secrets.extend(lines[4..8].iter().map(ToString::to_string));
    secrets.push("PRIVATE KEY-----".to_owned());
    secrets.extend(run.sessions.iter().cloned());
    let mut wanted: Vec<String> = Vec::new();
    for secret in &secrets {
        wanted.push(secret.clone());
        // also in the forms in which it may go on by mistake
        wanted.push(secret.bytes().map(|byte| format!("{byte:02x}")).collect());
        wanted.push(STANDARD.encode(secret).chars().take(16).collect());
    }

    let mut found = Vec::new();
    let mut search = |place: &str, text: &str, wanted: &[String]| {
        found.extend(wanted.iter().filter(|secret| text.contains(*secret)).map(|secret| format!("{place}: {secret}")));
    };
    for (name, text) in run.out.iter().chain(&run.logs) {
        search(name, text, &wanted);
    }
    for (name, text) in &run.logs {
        // the payer is shown where it was asked for, and never logged
        search(&format!("log of {name}"), text, std::slice::from_ref(&openid));
    }
    let mut files = Vec::new();
    walk(&run.guitai.path("data"), &mut files);
    let mut orders_in_files = 0;
    for file in &files {
        let bytes = std::fs::read(file).unwrap();
        let text = String::from_utf8_lossy(&bytes);
        search(&file.display().to_string(), &text, &wanted);
        orders_in_files += usize::from(text.contains("CANARY-1"));
        assert!(!bytes.windows(32).any(|part| part == &der[300..332]), "{}: the private key as bytes", file.display());
    }
    // what must be there is found by the same search
    assert!(orders_in_files > 0 && run.out.iter().any(|(_, text)| text.contains(&openid)), "{files:?}");
    assert!(run.logs.iter().any(|(_, text)| text.len() > 1_000), "the logs talk");
    assert_eq!(found, Vec::<String>::new());
}

fn walk(folder: &Path, files: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).expect("a folder").map(Result::unwrap) {
        if entry.file_type().unwrap().is_dir() {
            walk(&entry.path(), files);
        } else {
            files.push(entry.path());
        }
    }
}

/// Merchants, orders by each product, callbacks by each verdict, refunds, combined orders, the merchant API, tools; the
/// openid that was paid with.
async fn every_feature(run: &mut Run) -> String {
    let file = run.guitai.file("sandbox.json", run.sandbox.ready.to_string());
    run.ok(&["merchant", "add", "shop", "--from-sandbox", &file]);
    for verb in ["list", "show", "check", "certificates"] {
        run.ok(&["merchant", verb]);
    }
    let listen = ["listen", "--port", "0", "--json", "--api", "--forward-to", "http://127.0.0.1:9/"];
    let mut listener = Serving::start(run.command(&listen, &run.passphrase));
    let ready = listener.line();
    let place = ready["listening"].as_str().expect("an address").to_owned();
    if let Ok(limits) = std::fs::read_to_string(format!("/proc/{}/limits", listener.pid())) {
        let core = limits.lines().find(|line| line.starts_with("Max core file size")).expect("a limit");
        let allowed: Vec<&str> = core.split_whitespace().skip(4).take(2).collect();
        assert_eq!(allowed, ["0", "0"], "its memory is written nowhere when it ends badly");
    }

    run.ok(&["catalog", "add", "gb30", "--name", "30 GB", "--price", "1.00"]);
    let (status, session) = post(&format!("{place}/v1/login"), &json!({ "code": "sandbox-canary" })).await;
    assert_eq!(status, 200, "{session}");
    let openid = session["openid"].as_str().expect("an openid").to_owned();
    run.out.push(("POST /v1/login".to_owned(), session.to_string()));
    assert_eq!(post(&format!("{place}/v1/login"), &json!({ "code": "0nobody" })).await.0, 400);
    let asked = get(&format!("{}/_sandbox/requests", run.text("base_url"))).await;
    for request in asked.as_array().expect("a list") {
        let answer: Value =
            serde_json::from_str(request["response_body"].as_str().unwrap_or_default()).unwrap_or_default();
        run.sessions.extend(answer["session_key"].as_str().map(str::to_owned));
    }
    assert!(!run.sessions.is_empty(), "the login opened a session: {asked}");

    let create = ["order", "create", "--amount", "1.00", "--description", "canary", "--openid", &openid];
    for (number, via) in [("CANARY-1", "jsapi"), ("CANARY-2", "native"), ("CANARY-3", "app"), ("CANARY-4", "h5")] {
        run.ok(&[&create[..], &["--out-trade-no", number]].concat());
        run.ok(&["order", "prepay", number, "--via", via]);
    }
    run.ok(&["order", "pay-params", "CANARY-1"]);
    run.ok(&["order", "close", "CANARY-4"]);
    run.control("payments", json!({ "out_trade_no": "CANARY-1", "outcome": "SUCCESS" })).await;
    let line = listener.line();
    assert_eq!(line["verdict"], "applied", "{line}");
    let id = line["id"].as_str().expect("an id").to_owned();
    let notifications = get(&format!("{}/_sandbox/notifications", run.text("base_url"))).await;
    let notification = notifications[0]["id"].as_str().expect("an id").to_owned();
    for (fault, verdict) in
        [("bad_signature", "rejected"), ("tampered_ciphertext", "failed"), ("wrong_serial", "rejected")]
    {
        run.control(&format!("notifications/{notification}/redeliver"), json!({ "fault": fault })).await;
        let line = listener.line();
        assert_eq!(line["verdict"], verdict, "{line}");
        run.out.push((format!("listen {fault}"), line.to_string()));
    }
    run.ok(&["callback", "show", &id]);
    run.any(&["callback", "replay", &id, "--to", "http://127.0.0.1:9/"]);

    run.control("switches", json!({ "refund_outcome": "ABNORMAL" })).await;
    run.ok(&["order", "refund", "CANARY-1", "--amount", "0.40", "--out-refund-no", "CANARY-R1"]);
    run.control("clock", json!({ "advance_seconds": 2 })).await;
    let _ = listener.line();
    run.ok(&["refund", "query", "CANARY-R1"]);
    let card = json!({ "bank_type": "ICBC_DEBIT", "bank_account": ACCOUNT, "real_name": HOLDER });
    let card = run.guitai.file("card.json", card.to_string());
    run.ok(&["refund", "abnormal", "CANARY-R1", "--to", "user", "--card", &card]);
    for number in ["CANARY-5", "CANARY-6"] {
        run.ok(&[&create[..], &["--out-trade-no", number]].concat());
    }
    run.ok(&["order", "combine", "create", "CANARY-5", "CANARY-6", "--combine-out-trade-no", "CANARY-C1"]);
    run.ok(&["order", "combine", "prepay", "CANARY-C1", "--via", "native"]);

    // two changes of the APIv3 key: the first no longer opens anything
    for key in [SECOND_KEY, THIRD_KEY] {
        let file = run.guitai.file("new.key", key);
        run.ok(&["merchant", "update", "shop", "--api-v3-key-file", &file]);
    }
    run.control("payments", json!({ "out_trade_no": "CANARY-3", "outcome": "SUCCESS" })).await;
    // A listener may go by the keys that it remembers for a moment yet; then the notification comes once more.
    let mut line = listener.line();
    while line["reason"] != "resource_decrypts" {
        let notifications = get(&format!("{}/_sandbox/notifications", run.text("base_url"))).await;
        let of_it = |note: &&Value| note["out_trade_no"] == "CANARY-3";
        let id =
            notifications.as_array().and_then(|notes| notes.iter().find(of_it)).expect("it was sent")["id"].clone();
        run.control(&format!("notifications/{}/redeliver", id.as_str().expect("an id")), json!({ "fault": null }))
            .await;
        line = listener.line();
    }
    run.out.push(("listen with another key".to_owned(), line.to_string()));
    run.any(&["merchant", "check"]);

    for list in [&["order", "list"][..], &["order", "show", "CANARY-1"], &["callback", "list"], &["forward", "list"]] {
        run.ok(list);
    }
    for noun in ["order", "callback"] {
        for format in ["csv", "jsonl"] {
            run.any(&[noun, "export", "--format", format]);
        }
    }
    let copy = run.guitai.path("data").join("copy.db");
    run.ok(&["backup", copy.to_str().expect("UTF-8")]);
    let text = run.guitai.file("name.txt", HOLDER);
    run.ok(&["sensitive", "encrypt", "--text", &text]);
    run.ok(&["sign", "--method", "GET", "--url", "/v3/certificates"]);
    let ended = listener.signal("TERM");
    assert!(ended.success(), "{ended}");
    let (out, log) = listener.rest();
    run.out.push(("listen".to_owned(), out));
    run.logs.push(("listen".to_owned(), log));
    openid
}

/// What is wrong is said, and not what was in it.
fn failures(run: &mut Run) {
    let short = run.guitai.file("short.key", SHORT_KEY);
    let account = run.guitai.file("account.json", json!({ "bank_account": ACCOUNT }).to_string());
    let own_key = run.text("merchant_private_key");
    assert_eq!(run.fails(&["merchant", "update", "shop", "--api-v3-key-file", &short]), "API_V3_KEY_LENGTH");
    assert_eq!(run.fails(&["merchant", "update", "shop", "--certificate", &own_key]), "KEY_WRONG_KIND");
    assert_eq!(
        run.fails(&["merchant", "update", "shop", "--public-key-id", "PUB_KEY_ID_01", "--public-key", &own_key]),
        "KEY_WRONG_KIND"
    );
    let pem = std::fs::read_to_string(&own_key).unwrap();
    let cut = run.guitai.file("cut.pem", &pem[..pem.len() / 2]);
    assert_eq!(run.fails(&["merchant", "update", "shop", "--private-key", &cut]), "KEY_DAMAGED");
    let folder = run.guitai.path("pems");
    std::fs::create_dir_all(&folder).unwrap();
    for (name, from) in [("apiclient_key.pem", &own_key), ("apiv3.key", &short), ("appsecret.txt", &account)] {
        std::fs::copy(from, folder.join(name)).unwrap();
    }
    run.fails(&["merchant", "pems", folder.to_str().unwrap()]);
    run.fails(&["merchant", "add", "second", "--pems", folder.to_str().unwrap()]);
    run.fails(&["refund", "abnormal", "CANARY-R1", "--to", "user", "--card", &account]);
    let resource = json!({ "ciphertext": STANDARD.encode([7; 40]), "nonce": "fdasfjihihih", "associated_data": "x" });
    let resource = run.guitai.file("resource.json", resource.to_string());
    let key = run.guitai.file("third.key", THIRD_KEY);
    assert_eq!(run.fails(&["decrypt", "--resource", &resource, "--api-v3-key-file", &key]), "UNDECRYPTABLE");
    let field = run.guitai.file("field.txt", STANDARD.encode([7; 256]));
    assert_eq!(run.fails(&["sensitive", "decrypt", "--ciphertext", &field]), "KEY_DOES_NOT_DECRYPT");
    run.fails(&["order", "prepay", "CANARY-1", "--via", "native"]);
    // a secret where none belongs: as a number, and as an option that takes a file
    run.fails(&["merchant", "update", "shop", "--private-key", &format!("/{}", "nowhere")]);
    let wrong = run.guitai.file("wrong-passphrase", WRONG_PASSPHRASE);
    let ran = finish(run.command(&["order", "prepay", "CANARY-2", "--via", "native", "--json"], &wrong), b"");
    assert_eq!(ran.document()["error"]["code"], "VAULT_PASSPHRASE_WRONG", "{}", ran.stdout);
    run.keep(&["wrong passphrase"], &ran);
}

/// What a panic could say of a value is its `Debug`.
fn debug_of_inputs(run: &mut Run) {
    let secret = |text: &str| Secret::from(text.to_owned());
    let pem = std::fs::read_to_string(run.text("merchant_private_key")).unwrap();
    let input = MerchantInput {
        private_key: secret(&pem),
        api_v3_key: secret(SECOND_KEY),
        app_secret: Some(secret(&run.text("appsecret"))),
        ..MerchantInput::default()
    };
    let patch =
        MerchantPatch { private_key: Some(secret(&pem)), api_v3_key: Some(secret(THIRD_KEY)), ..Default::default() };
    let card = AbnormalInput::UserBankCard {
        bank_type: "ICBC_DEBIT".to_owned(),
        bank_account: secret(ACCOUNT),
        real_name: secret(HOLDER),
    };
    let options = Options {
        data_dir: PathBuf::new(),
        passphrase: Some(secret(PASSPHRASE)),
        interactive: false,
        outside: Outside::real(),
    };
    let key = wechatpay::keys::PrivateKey::from_pem(pem.as_bytes()).unwrap();
    let api_v3_key = wechatpay::keys::ApiV3Key::parse(SECOND_KEY).unwrap();
    let said = format!("{input:?} {patch:#?} {card:?} {options:?} {key:?} {api_v3_key:?}");
    run.out.push(("Debug".to_owned(), said));
}
