//! What every command has in common: help, language, exit status, JSON errors, pipes.

use guitai_tests::command::{Guitai, finish};
use std::io::Read;

#[test]
fn help_and_version_are_no_mistake() {
    let guitai = Guitai::new();
    for arguments in [
        &["--help"][..],
        &["--version"],
        &["help"],
        &["order", "--help"],
        &["order", "create", "--help"],
        &["help", "callback"],
    ] {
        let ran = guitai.run(arguments);
        assert_eq!((ran.status, ran.stderr.as_str()), (Some(0), ""), "{arguments:?}");
        assert!(ran.stdout.contains("guitai"), "{arguments:?}: {}", ran.stdout);
    }
    assert!(!guitai.path("data").exists(), "asking for help makes no data folder");
}

#[test]
fn wrong_arguments_exit_with_2_and_say_what_is_wrong() {
    let guitai = Guitai::new();
    let cases: [&[&str]; 10] = [
        &["frobnicate"],
        &["order"],
        &["order", "create"],
        &["order", "create", "--amount", "1.00"],
        &["order", "prepay", "20261124000001", "--via", "cash"],
        &["order", "list", "--limit", "0"],
        &["callback", "list", "--verdict", "maybe"],
        &["sandbox", "--port", "70000"],
        &["verify", "--timestamp", "1", "--nonce", "n", "--serial", "s", "--signature", "x", "--body", "b"],
        &["merchant", "add", "shop"],
    ];
    for arguments in cases {
        let error = guitai.error(2, arguments);
        assert!(error["message"].as_str().unwrap().len() > 8, "{arguments:?}: {error}");
        let plain = guitai.run(arguments);
        assert_eq!((plain.status, plain.stdout.as_str()), (Some(2), ""), "{arguments:?}");
        assert!(!plain.stderr.is_empty(), "{arguments:?}");
    }
    assert_eq!(guitai.run(&[]).status, Some(2));
}

#[test]
fn secrets_are_no_arguments() {
    let guitai = Guitai::new();
    for option in ["--api-v3-key", "--app-secret"] {
        let ran = guitai.run(&["merchant", "add", "shop", option, "0123456789abcdef0123456789abcdef"]);
        assert_eq!(ran.status, Some(2), "{option}");
    }
}

#[test]
fn errors_are_in_the_language_of_the_reader() {
    let guitai = Guitai::new();
    for (variable, value, zh) in
        [("GUITAI_LANG", "zh", true), ("LC_ALL", "zh_CN.UTF-8", true), ("LC_ALL", "de_DE.UTF-8", false)]
    {
        let mut command = guitai.command(&["order", "show", "20261124000001"]);
        command.env_remove("GUITAI_LANG").env(variable, value);
        let ran = finish(command, b"");
        assert_eq!(ran.status, Some(1), "{}", ran.stderr);
        let chinese = ran.stderr.chars().any(|c| ('\u{4e00}'..='\u{9fff}').contains(&c));
        assert_eq!(chinese, zh, "{variable}={value}: {}", ran.stderr);
    }
}

#[test]
fn a_reader_that_goes_away_is_no_panic() {
    let guitai = Guitai::new();
    for arguments in [&["--help"][..], &["merchant", "list"], &["demo", "--json"], &["order", "list", "--json"]] {
        let mut child = guitai.command(arguments).spawn().unwrap();
        drop(child.stdout.take());
        let mut said = String::new();
        child.stderr.take().unwrap().read_to_string(&mut said).unwrap();
        child.wait().unwrap();
        assert!(!said.contains("panicked"), "{arguments:?}: {said}");
    }
}
