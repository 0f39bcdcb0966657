//! The commands that the window gives for each language send an unmodified program to the sandbox: each is run as it stands,
//! on the programs of `tests/snippets`, which know only WeChat Pay's own host. Languages that this machine doesn't have are
//! named in the output and not run.

use guitai_tests::command::{Guitai, authorization};
use serde_json::Value;
use std::io::Write as _;
use std::path::Path;
use std::process::Command;

/// Why a language can't be tried here; `None`: it can.
fn missing(language: &str) -> Option<String> {
    let version = |program: &str, ask: &str| {
        let out = Command::new(program).arg(ask).output().ok().filter(|out| out.status.success())?;
        Some(String::from_utf8_lossy(&out.stdout).trim().to_owned())
    };
    let needs = match language {
        "curl" => [("curl", "--version")].as_slice(),
        "Node.js" | "Node.js < 22.21" => &[("node", "--version")],
        "Python" => &[("python3", "--version")],
        "Go" => &[("go", "version")],
        "PHP" => &[("php", "--version")],
        "Java" => &[("javac", "--version"), ("keytool", "-help")],
        other => panic!("{other}: which program does it need?"),
    };
    if let Some((program, _)) = needs.iter().find(|(program, ask)| version(program, ask).is_none()) {
        return Some(format!("no {program} here"));
    }
    if language == "PHP" && !version("php", "-m").is_some_and(|all| all.lines().any(|name| name == "curl")) {
        return Some("this php has no curl".to_owned());
    }
    let node = version("node", "--version").unwrap_or_default();
    let mut numbers = node.trim_start_matches('v').split('.').map_while(|n| n.parse::<u32>().ok());
    let node_version = (numbers.next().unwrap_or(0), numbers.next().unwrap_or(0));
    let takes_proxy = node_version >= (24, 0) || (node_version.0 == 22 && node_version.1 >= 21);
    (language == "Node.js" && !takes_proxy)
        .then(|| format!("Node.js {node} takes no proxy from the environment; 22.21 and 24 do"))
}

#[test]
fn each_command_of_the_window_sends_its_program_to_the_sandbox() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let commands = std::fs::read_to_string(root.join("../ui/src/format/snippets.json")).expect("the commands");
    let commands: Vec<Value> = serde_json::from_str(&commands).expect("JSON");
    let guitai = Guitai::new();
    let (sandbox, _) = guitai.sandbox();
    let text = |name: &str| sandbox.ready[name].as_str().expect("in the ready line");
    let proxy = text("proxy_url");
    let (host, port) = proxy.trim_start_matches("http://").split_once(':').expect("host and port");
    let (mut ran, mut not_run) = (Vec::new(), Vec::new());
    for each in &commands {
        let language = each["language"].as_str().expect("a language");
        if let Some(why) = missing(language) {
            not_run.push(format!("{language} ({why})"));
            continue;
        }
        let program = match language {
            "curl" => r#"-sS -D - -H "Authorization: $AUTHORIZATION" https://api.mch.weixin.qq.com/v3/certificates"#
                .to_owned(),
            _ => {
                let name = match language {
                    "Node.js" => "app.mjs",
                    "Node.js < 22.21" => "base_url.mjs",
                    "Python" => "app.py",
                    "Go" => "app.go",
                    "PHP" => "app.php",
                    _ => "App.java",
                };
                format!("'{}'", root.join("snippets").join(name).display())
            }
        };
        let command = each["command"].as_str().expect("a command");
        let command = command
            .replace("{proxy}", proxy)
            .replace("{ca}", &format!("'{}'", text("ca_certificate")))
            .replace("{base}", text("base_url"))
            .replace("{host}", host)
            .replace("{port}", port)
            .replace("{program}", &program);
        assert!(!command.contains('{'), "{language}: something is left open in {command}");
        let folder = guitai.path(&language.replace(|c: char| !c.is_alphanumeric(), ""));
        std::fs::create_dir(&folder).expect("a folder");
        let mut shell = Command::new("sh");
        shell.args(["-ec", &command]).current_dir(&folder);
        for name in
            ["HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY", "http_proxy", "https_proxy", "all_proxy", "no_proxy"]
        {
            shell.env_remove(name);
        }
        shell.env("AUTHORIZATION", authorization(&sandbox.ready, "GET", "/v3/certificates", ""));
        let out = shell.output().expect("sh starts");
        let said = format!("{}{}", String::from_utf8_lossy(&out.stdout), String::from_utf8_lossy(&out.stderr));
        let signed = if language == "curl" {
            said.contains(&format!("Wechatpay-Serial: {}", text("platform_serial_no")))
        } else {
            said.lines().any(|line| line == format!("200 {}", text("platform_serial_no")))
        };
        assert!(out.status.success() && signed, "{language}: {command}\n{said}");
        ran.push(language);
    }
    // Past the test's capture: what was not tried has to be seen.
    let _ = writeln!(std::io::stderr(), "snippets that ran: {}; not run: {}", ran.join(", "), not_run.join(", "));
    for always in ["curl", "Node.js < 22.21", "Python"] {
        assert!(ran.contains(&always), "{always}: {not_run:?}");
    }
}
