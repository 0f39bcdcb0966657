//! The tunnel in the window: a real `ssh -R` through an sshd of the test's own with HTTPS in front, proved, paid through,
//! and gone with the window; and the ways in which none comes about.

use crate::driver::{System, Window};
use guitai_tests::way_in::{Sshd, free_port, https_to};
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

/// An `ngrok` that says the given address and stays.
fn ngrok_to(url: &str) -> String {
    format!(
        "#!/bin/sh\necho '{{\"msg\":\"started tunnel\",\"url\":\"{url}\"}}'\necho $$ > \"$HOME/tunnel.pid\"\nexec sleep 600\n"
    )
}

/// What stands at the other end of `ssh -R`.
pub struct Way {
    /// The server; gone with this.
    pub sshd: Sshd,
    /// Where it listens.
    pub ssh_port: u16,
    /// The port there that HTTPS leads to.
    pub remote_port: u16,
    /// The public address.
    pub public: String,
}

impl Window {
    /// Opens the window where `ssh` leads to a server of the test's own, with HTTPS in front that the window trusts.
    pub async fn open_with_a_way_in(system: System) -> (Window, Way) {
        let folder = tempfile::tempdir().expect("a folder");
        let (ssh_port, remote_port) = (free_port(), free_port());
        let sshd = Sshd::start(folder.path(), ssh_port);
        let (https, authority) = https_to(remote_port, folder.path()).await;
        assert_eq!(authority, folder.path().join("authority.pem"), "where the window looks for it");
        let config = folder.path().join("ssh_config");
        let window = Window::open_in(system, folder).await;
        let real = ["/usr/bin/ssh", "/bin/ssh"].into_iter().find(|it| Path::new(it).exists()).expect("ssh");
        let through = format!("echo $$ > \"$HOME/tunnel.pid\"\nexec {real} -F '{}' \"$@\"", config.display());
        window.program("ssh", &format!("#!/bin/sh\n{through}\n"));
        (window, Way { sshd, ssh_port, remote_port, public: format!("https://localhost:{https}") })
    }

    /// Fills in the form for `ssh -R` and starts it by Enter.
    pub async fn start_ssh(&self, remote_port: u16, public: &str) {
        let user = Command::new("id").arg("-un").output().expect("id runs").stdout;
        self.fill("tunnel-ssh-to", &format!("{}@127.0.0.1", String::from_utf8_lossy(&user).trim())).await;
        self.fill("tunnel-remote-port", &remote_port.to_string()).await;
        self.fill("tunnel-public-url", public).await;
        self.press_enter().await;
    }

    /// The process that the tunnel runs as.
    fn tunnel_pid(&self) -> u32 {
        let pid = std::fs::read_to_string(self.home().join("tunnel.pid")).expect("the program wrote its number");
        pid.trim().parse().expect("a number")
    }

    /// The text that a click on an id would copy.
    async fn id(&self, within: &str) -> String {
        let label = format!("document.querySelector(`{within}`)?.getAttribute('aria-label') ?? ''");
        let said = self.script(&format!("return {label}")).await;
        let said = said.as_str().and_then(|said| said.split_once("http")).map(|(_, rest)| format!("http{rest}"));
        said.unwrap_or_default()
    }

    /// Where the sandbox's merchant is called back now.
    async fn merchant_notify_url_when(&self, wanted: impl Fn(&str) -> bool) {
        self.id_when("[data-testid=merchant-card][data-name=sandbox] dd button[aria-label*=\"/notify/\"]", wanted)
            .await;
    }

    async fn id_when(&self, within: &str, wanted: impl Fn(&str) -> bool) {
        let deadline = Instant::now() + Duration::from_secs(30);
        loop {
            let id = self.id(within).await;
            if wanted(&id) {
                return;
            }
            assert!(Instant::now() < deadline, "{within} still says {id}");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }
}

fn signal(pid: u32, name: &str) {
    let sent = Command::new("kill").args([format!("-{name}"), pid.to_string()]).status();
    assert!(sent.expect("kill runs").success());
}

/// Until a process is gone, or only waits to be buried.
async fn gone(pid: u32) {
    let deadline = Instant::now() + Duration::from_secs(30);
    let stat = format!("/proc/{pid}/stat");
    while std::fs::read_to_string(&stat).is_ok_and(|stat| !stat.contains(") Z ")) {
        assert!(Instant::now() < deadline, "{pid} still runs");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

fn parent_of(pid: u32) -> u32 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).expect("it runs");
    let parent = status.lines().find_map(|line| line.strip_prefix("PPid:")).expect("a parent");
    parent.trim().parse().expect("a number")
}

#[tokio::test(flavor = "multi_thread")]
async fn an_order_is_paid_through_ssh_and_https() {
    let (window, way) = Window::open_with_a_way_in(System::Chinese).await;
    let Way { sshd, ssh_port, remote_port, public } = way;

    window.attribute_when("tunnel-state", "data-state", "off").await;
    window.click("tunnel-state").await;
    window.merchant_notify_url_when(|url| url.starts_with("http://127.0.0.1:")).await;
    window.click("tunnel-preset-ssh").await;
    window.click("tunnel-start").await;
    window.text_when("tunnel-problem", |text| text.contains("ssh_to")).await;
    window.start_ssh(remote_port, &public).await;

    window.attribute_when("tunnel-state", "data-state", "up").await;
    window.text_when("tunnel-state", |text| text.contains(" ms")).await;
    window.attribute_when("tunnel-proof", "data-outcome", "proved").await;
    // only what a test on one machine can't have: a public name
    assert!(matches!(window.attribute("tunnel-proof", "data-rules").await.as_str(), "" | "public_host"));
    window.text_when("tunnel-log", |text| text.contains("ssh -N -T")).await;
    let ours = format!("{public}/notify/sandbox");
    window.merchant_notify_url_when(|url| url == ours).await;

    window.make_order("12.50", "热美式 Americano").await;
    window.pay_on_the_phone("12.50").await;
    window.attribute_when("order-state", "data-state", "SUCCESS").await;
    window.click("phone-close").await;
    window.click("nav-callbacks").await;
    window.attribute_when("callback-row", "data-verdict", "applied").await;
    window.click("callback-row").await;
    window.text_when("callback-detail", |text| text.contains("localhost") || text.contains("127.0.0.1")).await;

    // the server at the other end goes away and comes back
    sshd.stop();
    window.click("tunnel-state").await;
    window.attribute_when("tunnel-state", "data-state", "restarting").await;
    let _sshd = Sshd::start(window.home(), ssh_port);
    window.attribute_when("tunnel-state", "data-state", "up").await;

    // told to end, the window takes the tunnel with it and puts the address back
    let pid = window.tunnel_pid();
    signal(parent_of(pid), "TERM");
    gone(pid).await;
    let window = window.reopen(System::Chinese).await;
    window.click("nav-settings").await;
    window.find("merchant-card").await;
    window.merchant_notify_url_when(|url| url.starts_with("http://127.0.0.1:")).await;
    window.attribute_when("tunnel-state", "data-state", "off").await;
    window.close().await;
}

#[tokio::test]
async fn what_does_not_come_through_is_told_apart() {
    let window = Window::open(System::English).await;
    window.click("tunnel-state").await;
    window.click("tunnel-check").await;
    // the listener answers on this machine, which WeChat Pay can't reach
    window.attribute_when("tunnel-proof", "data-rules", "https").await;
    let place = window.script("return document.querySelector('[data-testid=listener-state]').textContent").await;
    let place = place.as_str().expect("a text").split_whitespace().last().expect("an address").to_owned();
    let gateway = window.script("return document.querySelector('[data-testid=sandbox-state]').textContent").await;
    let gateway = gateway.as_str().expect("a text").split_whitespace().last().expect("an address").to_owned();

    window.click("tunnel-preset-ngrok").await;
    let nobody = format!("http://127.0.0.1:{}", free_port());
    for (url, state, outcome, rules) in [
        (format!("http://{place}"), "up", "proved", "https"),
        (nobody, "unreachable", "never_arrived", "https never_arrived"),
        (format!("http://{gateway}"), "unreachable", "refused", "https other_program"),
    ] {
        window.program("ngrok", &ngrok_to(&url));
        window.click("tunnel-start").await;
        window.id_when("[data-testid=tunnel-address] button", |said| said == url).await;
        window.attribute_when("tunnel-state", "data-state", state).await;
        window.attribute_when("tunnel-proof", "data-outcome", outcome).await;
        assert_eq!(window.attribute("tunnel-proof", "data-rules").await, rules);
    }
    let pid = window.tunnel_pid();
    window.click("tunnel-stop").await;
    window.attribute_when("tunnel-state", "data-state", "off").await;
    gone(pid).await;
    window.merchant_notify_url_when(|url| url.ends_with(&format!("{place}/notify/sandbox"))).await;

    // a window that is killed leaves its tunnel's address behind; the next one puts back what was there before
    window.program("ngrok", &ngrok_to(&format!("http://localhost:{}", place.rsplit(':').next().expect("a port"))));
    window.click("tunnel-start").await;
    window.merchant_notify_url_when(|url| url.contains("//localhost:")).await;
    signal(parent_of(window.tunnel_pid()), "KILL");
    signal(window.tunnel_pid(), "KILL");
    let window = window.reopen(System::English).await;
    window.click("nav-settings").await;
    window.find("merchant-card").await;
    window.merchant_notify_url_when(|url| url.contains("//127.0.0.1:")).await;
    window.close().await;
}

#[tokio::test]
async fn a_program_that_is_not_there_is_named() {
    let window = Window::open(System::English).await;
    window.click("tunnel-state").await;
    window.click("tunnel-start").await;
    window.text_when("tunnel-problem", |text| text.contains("cloudflared") && text.contains("PATH")).await;
    window.attribute_when("tunnel-state", "data-state", "off").await;
    // a program that ends at once is started again, and its last words are there
    window.program("cloudflared", "#!/bin/sh\necho no network here >&2\nexit 3\n");
    window.click("tunnel-start").await;
    window.attribute_when("tunnel-state", "data-state", "restarting").await;
    window.text_when("tunnel-log", |text| text.contains("no network here") && text.contains("■ 3")).await;
    window.click("tunnel-stop").await;
    window.attribute_when("tunnel-state", "data-state", "off").await;
    window.close().await;
}
