//! `guitai tunnel`: a real `ssh -R` through an sshd of the test's own, with HTTPS in front of it, from the mini-program's
//! pages to an order that a callback paid; and what else can be said of a way in.

use guitai_tests::command::{Guitai, Serving};
use guitai_tests::way_in::{Sshd, free_port, https_to};
use serde_json::{Value, json};
use std::process::Command;

/// The next event of this name for which `is` holds; the others are passed over.
fn event(tunnel: &mut Serving, name: &str, is: impl Fn(&Value) -> bool) -> Value {
    for _ in 0..500 {
        let line = tunnel.line();
        if line["event"] == name && is(&line) {
            return line;
        }
    }
    panic!("no such {name} among 500 events");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_mini_program_pays_through_ssh_and_https() {
    let guitai = Guitai::new();
    let folder = guitai.path("ssh");
    std::fs::create_dir_all(&folder).expect("a folder");
    let (ssh_port, remote_port) = (free_port(), free_port());
    let sshd = Sshd::start(&folder, ssh_port);
    let (https, authority) = https_to(remote_port, &folder).await;
    let authority = authority.to_str().expect("UTF-8");

    // the sandbox calls the public address as WeChat Pay would: over HTTPS, with the certificate checked
    let mut sandbox = guitai.command(&["sandbox", "--port", "0"]);
    sandbox.env("SSL_CERT_FILE", authority);
    let mut sandbox = Serving::start(sandbox);
    let ready = sandbox.line();
    let file = guitai.file("sandbox.json", ready.to_string());
    let _ = guitai.json(&["merchant", "add", "shop", "--from-sandbox", &file]);
    for (id, name, price) in [("data-12", "流量包 12", "12.00"), ("data-30g", "流量包 30 GB", "29.90")] {
        let _ = guitai.json(&["catalog", "add", id, "--name", name, "--price", price, "--type", "data"]);
    }
    let mut listener = guitai.serve(&["listen", "--port", "0", "--api", "--json"]);
    let port =
        listener.ready["listening"].as_str().and_then(|place| place.rsplit(':').next()).expect("a port").to_owned();

    let public = format!("https://localhost:{https}");
    let (config, remote) = (folder.join("ssh_config").display().to_string(), remote_port.to_string());
    let user = Command::new("id").arg("-un").output().map(|out| String::from_utf8_lossy(&out.stdout).trim().to_owned());
    let to = format!("{}@127.0.0.1", user.expect("a user"));
    let mut tunnel = Serving::start(guitai.command(&[
        "tunnel",
        "start",
        "--json",
        "--preset",
        "ssh",
        "--port",
        &port,
        "--ssh-to",
        &to,
        "--remote-port",
        &remote,
        "--public-url",
        &public,
        "--ca-certificate",
        authority,
        "--arg=-F",
        "--arg",
        &config,
    ]));
    assert_eq!(tunnel.line()["event"], "started");
    let address = event(&mut tunnel, "address", |_| true);
    let notify_url = format!("{public}/notify/shop");
    assert_eq!((&address["notify_url"], &address["notify_url_set"]), (&json!(notify_url), &json!(true)));
    let checked = event(&mut tunnel, "checked", |line| line["report"]["proved"] == true);
    assert!(checked["report"]["latency_ms"].is_u64(), "{checked}");
    assert_eq!(guitai.json(&["merchant", "show", "shop"])["notify_url"], json!(notify_url));

    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/../ui/miniprogram/test/walk.mjs");
    for form in ["native", "uniapp"] {
        let mut walk = Command::new("node");
        let (gateway, appid) = (ready["base_url"].as_str().expect("a URL"), ready["appid"].as_str().expect("an appid"));
        walk.args([script, &public, gateway, appid, form]).env("NODE_EXTRA_CA_CERTS", authority);
        let walked = tokio::task::spawn_blocking(move || walk.output()).await.expect("a thread").expect("node starts");
        let said = String::from_utf8_lossy(&walked.stdout);
        assert!(walked.status.success(), "{form}: {said}{}", String::from_utf8_lossy(&walked.stderr));
        let shown: Value = serde_json::from_str(&said).expect("a line of JSON");
        assert_eq!(shown["text"], "支付成功", "{form}");
        let delivery = listener.line();
        let paid = (&delivery["verdict"], &delivery["out_trade_no"]);
        assert_eq!(paid, (&json!("applied"), &shown["orderNo"]), "{form}: {delivery}");
    }

    // the server at the other end goes away and comes back
    sshd.stop();
    let ended = event(&mut tunnel, "ended", |_| true);
    assert!(ended["again_in"].as_u64().is_some_and(|seconds| seconds >= 1), "{ended}");
    let _sshd = Sshd::start(&folder, ssh_port);
    let _ = event(&mut tunnel, "started", |_| true);
    let _ = event(&mut tunnel, "checked", |line| line["report"]["proved"] == true);
    assert!(tunnel.signal("TERM").success());
}

#[test]
fn a_program_that_is_missing_or_ends_is_told() {
    let guitai = Guitai::new();
    let (_sandbox, file) = guitai.sandbox();
    let _ = guitai.json(&["merchant", "add", "shop", "--from-sandbox", &file]);
    let mut without = guitai.command(&["tunnel", "start", "--json"]);
    without.env("PATH", guitai.path("nowhere"));
    let ran = guitai_tests::command::finish(without, b"");
    assert_eq!((ran.status, &ran.document()["error"]["code"]), (Some(1), &json!("TUNNEL_PROGRAM_MISSING")), "{ran:?}");
    for arguments in
        [&["--preset", "ssh"][..], &["--preset", "frpc"], &["--preset", "custom"], &["--public-url", "shop.example"]]
    {
        let error = guitai.error(2, &[&["tunnel", "start"], arguments].concat());
        assert_eq!(error["code"], "INVALID_FIELD", "{arguments:?}");
    }
    let command = "sh -c 'echo port {port}; echo hello >&2; exit 3'";
    let arguments = ["tunnel", "start", "--json", "--preset", "custom", "--port", "4711", "--command", command];
    let mut tunnel = Serving::start(guitai.command(&arguments));
    let _ = event(&mut tunnel, "log", |line| line["line"] == "port 4711");
    let ended = event(&mut tunnel, "ended", |_| true);
    assert_eq!((&ended["status"], &ended["again_in"]), (&json!(3), &json!(1)));
    let ended = event(&mut tunnel, "ended", |_| true);
    assert_eq!(ended["again_in"], json!(2), "the gaps grow");
    assert!(tunnel.signal("INT").success());
}

#[test]
fn a_notify_url_is_judged_and_proved() {
    let guitai = Guitai::new();
    let (_sandbox, file) = guitai.sandbox();
    let _ = guitai.json(&["merchant", "add", "shop", "--from-sandbox", &file]);
    let listener = guitai.serve(&["listen", "--port", "0", "--json"]);
    let place = listener.ready["listening"].as_str().expect("a place").to_owned();
    let closed = free_port();
    for (url, proved, rules) in [
        // http and loopback are what a sandbox may have and WeChat Pay may not
        (format!("{place}/notify/shop"), true, vec!["https"]),
        (format!("{place}/notify/other"), true, vec!["https"]),
        (format!("{place}/elsewhere"), false, vec!["https", "other_program"]),
        (format!("http://127.0.0.1:{closed}/notify/shop"), false, vec!["https", "never_arrived"]),
        ("https://shop.example/notify?a=1".to_owned(), false, vec!["no_query"]),
        (" https://shop.invalid/notify".to_owned(), false, vec!["charset", "never_arrived"]),
    ] {
        let ran = guitai.run(&["tunnel", "check", "--url", &url, "--json"]);
        assert_eq!(ran.status, Some(1), "{ran:?}");
        let report = ran.document();
        let found: Vec<_> =
            report["findings"].as_array().expect("findings").iter().map(|it| it["rule"].clone()).collect();
        assert_eq!((&report["proved"], json!(found)), (&json!(proved), json!(rules)), "{url}: {report}");
    }
    assert_eq!(guitai.json(&["callback", "list"])["items"], json!([]), "no question of ours is a delivery");
}
