//! The examples for GitHub Actions and GitLab CI: the very lines in them are run, with a correct backend and a faulty one.

use std::process::Stdio;
use std::time::Duration;

use crate::here;

/// The lines of the first block of shell in a pipeline's file, without their indentation.
fn script(yaml: &str, opening: &str) -> String {
    let mut lines = yaml.lines().skip_while(|line| line.trim() != opening);
    let indent = |line: &str| line.len() - line.trim_start().len();
    let outer = lines.next().map(indent).expect("a block of shell");
    let block: Vec<&str> = lines.take_while(|line| indent(line) > outer).collect();
    let inner = block.first().map(|line| indent(line)).expect("a line of shell");
    block.iter().map(|line| line.get(inner..).unwrap_or_default()).collect::<Vec<_>>().join("\n")
}

#[tokio::test(flavor = "multi_thread")]
async fn the_lines_of_the_examples_run() {
    let built = guitai_tests::command::binary();
    let path = format!("{}:{}", built.parent().expect("a folder").display(), std::env::var("PATH").expect("PATH"));
    for (file, opening, fault, passes) in
        [("github-actions.yml", "run: |", "", true), ("gitlab-ci.yml", "- |", "no_verification", false)]
    {
        let folder = tempfile::tempdir().expect("a folder");
        std::fs::copy(here("certify/backend.mjs"), folder.path().join("backend.mjs")).expect("the backend");
        let yaml = std::fs::read_to_string(here("certify/ci").join(file)).expect("the example");
        let mut shell = tokio::process::Command::new("bash");
        shell.args(["-e", "-o", "pipefail", "-c", &script(&yaml, opening)]).current_dir(folder.path());
        shell.env("PATH", &path).env("FAULT", fault).stdin(Stdio::null()).kill_on_drop(true);
        let done = tokio::time::timeout(Duration::from_secs(120), shell.output()).await;
        let done = done.expect("an end in two minutes").expect("bash");
        let said = String::from_utf8_lossy(&done.stdout).into_owned() + &String::from_utf8_lossy(&done.stderr);
        assert_eq!(done.status.success(), passes, "{file}: {said}");
        let xml = std::fs::read_to_string(folder.path().join("certify.xml")).expect("the JUnit report");
        assert_eq!(xml.contains("failures=\"0\""), passes, "{file}: {said}");
        assert!(folder.path().join("certify.html").exists(), "{file}");
    }
}
