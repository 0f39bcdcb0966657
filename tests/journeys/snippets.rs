//! The commands that the window gives for each language send an unmodified program to the sandbox: each is run as it stands,
//! on the programs of `tests/snippets`, which know only WeChat Pay's own host. Languages that this machine doesn't have are
//! named in the output and not run; in CI that is a failure, since `make test` installs them all.

use guitai_tests::command::{Guitai, authorization};
use serde_json::Value;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;

/// What a program says when asked, if it is there.
fn says(program: &Path, ask: &[&str]) -> Option<String> {
    let out = Command::new(program).args(ask).output().ok().filter(|out| out.status.success())?;
    Some(String::from_utf8_lossy(&out.stdout).trim().to_owned())
}

/// The folder of a Node.js that takes a proxy from the environment; `None`: the one on the path does.
fn node_with_proxy(sdks: &Path) -> Result<Option<PathBuf>, String> {
    let takes_proxy = |node: &Path| {
        says(node, &["-p", "process.allowedNodeEnvironmentFlags.has('--use-env-proxy')"]).as_deref() == Some("true")
    };
    let own = sdks.join("node24/node_modules/.bin");
    if takes_proxy(Path::new("node")) {
        Ok(None)
    } else if takes_proxy(&own.join("node")) {
        Ok(Some(own))
    } else {
        Err("no Node.js here takes a proxy from the environment, as 22.21 and 24 do; scripts/sdks.sh installs one"
            .into())
    }
}

/// Why a language can't be tried here; `None`: it can.
fn missing(language: &str, sdks: &Path) -> Option<String> {
    let needs = match language {
        "curl" => [("curl", "--version")].as_slice(),
        "Node.js" | "Node.js + global-agent" | "Node.js, base URL" => &[("node", "--version")],
        "Python" => &[("python3", "--version")],
        "Go" => &[("go", "version")],
        "PHP" => &[("php", "--version")],
        "Java" => &[("javac", "--version"), ("keytool", "-help")],
        other => panic!("{other}: which program does it need?"),
    };
    if let Some((program, _)) = needs.iter().find(|(program, ask)| says(Path::new(program), &[ask]).is_none()) {
        return Some(format!("no {program} here"));
    }
    match language {
        "PHP" if !says(Path::new("php"), &["-m"])?.lines().any(|name| name == "curl") => {
            Some("this php has no curl".to_owned())
        }
        "Node.js" => node_with_proxy(sdks).err(),
        _ => None,
    }
}

#[test]
fn each_command_of_the_window_sends_its_program_to_the_sandbox() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let sdks = root.join("sdks");
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
        if let Some(why) = missing(language, &sdks) {
            not_run.push(format!("{language} ({why})"));
            continue;
        }
        let program = match language {
            "curl" => r#"-sS -D - -H "Authorization: $AUTHORIZATION" https://api.mch.weixin.qq.com/v3/certificates"#
                .to_owned(),
            _ => {
                let name = match language {
                    "Node.js" => "app.mjs",
                    "Node.js + global-agent" => "https.mjs",
                    "Node.js, base URL" => "base_url.mjs",
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
        // A module that is required by its name is looked for from where the program is run.
        let folder = if language == "Node.js + global-agent" {
            sdks.join("node")
        } else {
            let folder = guitai.path(&language.replace(|c: char| !c.is_alphanumeric(), ""));
            std::fs::create_dir(&folder).expect("a folder");
            folder
        };
        let mut shell = Command::new("sh");
        shell.args(["-ec", &command]).current_dir(&folder);
        for name in
            ["HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY", "http_proxy", "https_proxy", "all_proxy", "no_proxy"]
        {
            shell.env_remove(name);
        }
        if language == "Node.js"
            && let Ok(Some(first)) = node_with_proxy(&sdks)
        {
            let path = std::env::var_os("PATH").unwrap_or_default();
            let path = std::env::join_paths(std::iter::once(first).chain(std::env::split_paths(&path)));
            shell.env("PATH", path.expect("a path"));
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
    let left_out = if not_run.is_empty() { "none".to_owned() } else { not_run.join("; ") };
    let _ = writeln!(std::io::stderr(), "snippets that ran: {}. NOT RUN: {left_out}", ran.join("; "));
    let in_ci = std::env::var_os("CI").is_some_and(|ci| ci != "false");
    assert!(!in_ci || not_run.is_empty(), "in CI each language has to be tried: {not_run:?}");
    for always in ["curl", "Node.js + global-agent", "Node.js, base URL", "Python"] {
        assert!(ran.contains(&always), "{always}: {not_run:?}");
    }
}
