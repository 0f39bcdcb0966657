//! Programs on published SDKs, one in Node and one in Python, run their whole flow against the sandbox, unmodified.
//!
//! `make test` installs the SDKs; `GUITAI_SDK_PYTHON` names the Python that has them.

use guitai_tests::command::Guitai;
use std::path::{Path, PathBuf};
use std::process::Command;

fn folder(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("sdks").join(name)
}

/// Runs a flow in both modes against a sandbox of its own each.
fn run(flow: impl Fn() -> Command) {
    for mode in ["certificate", "public_key"] {
        let guitai = Guitai::new();
        let (_sandbox, file) = guitai.sandbox();
        let out = flow().env("GUITAI_SANDBOX", &file).env("GUITAI_MODE", mode).output().expect("the flow starts");
        let said = format!("{}\n{}", String::from_utf8_lossy(&out.stdout), String::from_utf8_lossy(&out.stderr));
        assert!(out.status.success(), "in {mode} mode: {said}");
    }
}

#[test]
fn node_runs_its_whole_flow() {
    let folder = folder("node");
    assert!(folder.join("node_modules").exists(), "npm install in {} first (make test does it)", folder.display());
    run(|| {
        let mut command = Command::new("node");
        command.arg("flow.mjs").current_dir(&folder);
        command
    });
}

#[test]
fn python_runs_its_whole_flow_through_the_proxy() {
    let folder = folder("python");
    let python = std::env::var_os("GUITAI_SDK_PYTHON");
    let python = python.expect("GUITAI_SDK_PYTHON names a Python with requirements.txt installed (make test sets it)");
    run(|| {
        let mut command = Command::new(&python);
        command.arg("flow.py").current_dir(&folder);
        command
    });
}
