//! Programs on published SDKs, two in Node and one in Python, run their whole flow against the sandbox, unmodified: by their own
//! base URL where they have one, and through the proxy.
//!
//! `make test` installs the SDKs; `GUITAI_SDK_PYTHON` names the Python that has them.

use guitai_tests::command::Guitai;
use serde_json::Value;
use std::path::{Path, PathBuf};
use std::process::Command;

fn folder(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("sdks").join(name)
}

/// Runs a flow in both modes against a sandbox of its own each, whose ready line it gets.
fn run(flow: impl Fn(&Value) -> Command) {
    for mode in ["certificate", "public_key"] {
        let guitai = Guitai::new();
        let (sandbox, file) = guitai.sandbox();
        let mut flow = flow(&sandbox.ready);
        let out = flow.env("GUITAI_SANDBOX", &file).env("GUITAI_MODE", mode).output().expect("the flow starts");
        let said = format!("{}\n{}", String::from_utf8_lossy(&out.stdout), String::from_utf8_lossy(&out.stderr));
        assert!(out.status.success() && said.contains(r#"{"step":"done"}"#), "in {mode} mode: {said}");
    }
}

fn node(program: &str) -> Command {
    let folder = folder("node");
    assert!(folder.join("node_modules").exists(), "npm ci in {} first (make test does it)", folder.display());
    let mut command = Command::new("node");
    command.arg(program).current_dir(&folder);
    command
}

/// Sent through the proxy from outside, as the window's command for SDKs without a base URL does it.
fn node_by_proxy(program: &str, ready: &Value) -> Command {
    let mut command = node(program);
    command.env("NODE_OPTIONS", "--require global-agent/bootstrap").env("GUITAI_VIA", "proxy");
    command.env("GLOBAL_AGENT_HTTPS_PROXY", ready["proxy_url"].as_str().expect("a proxy"));
    command.env("NODE_EXTRA_CA_CERTS", ready["ca_certificate"].as_str().expect("a CA"));
    command
}

#[test]
fn axios_plugin_runs_its_whole_flow() {
    run(|_| node("axios_plugin.mjs"));
}

#[test]
fn axios_plugin_runs_its_whole_flow_through_the_proxy() {
    run(|ready| node_by_proxy("axios_plugin.mjs", ready));
}

#[test]
fn node_v3_runs_its_whole_flow_through_the_proxy() {
    run(|ready| node_by_proxy("node_v3.mjs", ready));
}

#[test]
fn python_runs_its_whole_flow_through_the_proxy() {
    let folder = folder("python");
    let python = std::env::var_os("GUITAI_SDK_PYTHON");
    let python = python.expect("GUITAI_SDK_PYTHON names a Python with requirements.txt installed (make test sets it)");
    run(|_| {
        let mut command = Command::new(&python);
        command.arg("flow.py").current_dir(&folder);
        command
    });
}
