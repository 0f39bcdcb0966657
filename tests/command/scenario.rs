//! `guitai scenario`: the shipped ones pass, a failing step is told to people, programs and CI, a wrong file is refused.

use guitai_tests::command::Guitai;
use serde_json::json;

#[test]
fn the_shipped_scenarios_pass_on_a_sandbox_of_their_own() {
    let guitai = Guitai::new();
    let list = guitai.json(&["scenario", "--list"]);
    let names: Vec<String> =
        list["scenarios"].as_array().unwrap().iter().map(|it| it["name"].as_str().unwrap().to_owned()).collect();
    assert_eq!(names.len(), 5);
    let report = guitai.path("junit.xml");
    let mut arguments = vec!["scenario"];
    arguments.extend(names.iter().map(String::as_str));
    arguments.extend(["--report", report.to_str().unwrap()]);
    let told = guitai.json(&arguments);
    assert_eq!(told["ok"], true, "{told}");
    let xml = std::fs::read_to_string(report).unwrap();
    assert_eq!(xml.matches("<testsuite ").count(), 5, "{xml}");
    assert!(!xml.contains("<failure"), "{xml}");
    assert!(!guitai.path("data").exists(), "nothing of it is in the user's own folder");
}

#[test]
fn one_that_runs_already_is_used_and_a_failing_step_is_told() {
    let guitai = Guitai::new();
    let (_sandbox, file) = guitai.sandbox();
    let scenario = json!({ "name": "late & <lost>", "steps": [
        { "order": { "amount": "1.00", "description": "tea" } },
        { "prepay": { "via": "jsapi" } },
        { "pay": { "outcome": "SUCCESS", "notify": false } },
        { "expect_callback": { "verdict": "applied", "within_s": 0 } },
        { "query": {} },
    ]});
    let mine = guitai.file("mine.json", scenario.to_string());
    let report = guitai.path("junit.xml");
    let arguments = ["scenario", &mine, "--sandbox", &file, "--report", report.to_str().unwrap(), "--json"];
    let ran = guitai.run(&arguments);
    assert_eq!(ran.status, Some(1), "{}", ran.stderr);
    let told = ran.document();
    let ends: Vec<_> =
        told["scenarios"][0]["steps"].as_array().unwrap().iter().map(|it| it["result"].as_str().unwrap()).collect();
    assert_eq!((&told["ok"], ends), (&json!(false), vec!["passed", "passed", "passed", "failed", "skipped"]));
    let message = told["scenarios"][0]["steps"][3]["message"].as_str().unwrap();
    assert!(message.contains("verdict=applied") && message.contains("none"), "{message}");
    let xml = std::fs::read_to_string(report).unwrap();
    assert!(xml.contains("failures=\"1\"") && xml.contains("late &amp; &lt;lost&gt;"), "{xml}");
}

#[test]
fn what_is_wrong_is_said_before_anything_is_played() {
    let guitai = Guitai::new();
    let wrong = guitai.file("wrong.json", "{\"name\":\"x\",\n\"steps\":[\n{\"pay\":{\"outcome\":\"MAYBE\"}}]}");
    let error = guitai.error(2, &["scenario", "happy-path", &wrong]);
    assert_eq!(error["code"], "SCENARIO_WRONG");
    let message = error["message"].as_str().unwrap();
    assert!(message.contains("line 3, step 1") && message.contains("MAYBE"), "{message}");
    let _ = guitai.error(2, &["scenario", "no-such-one"]);
    let _ = guitai.error(2, &["scenario"]);
    let _ = guitai.error(1, &["scenario", "./missing.json"]);
    let ended = guitai.file("ended.json", json!({ "base_url": "http://127.0.0.1:1" }).to_string());
    assert_eq!(guitai.error(1, &["scenario", "happy-path", "--sandbox", &ended])["code"], "SANDBOX_UNREACHABLE");
    let shown = guitai.json(&["scenario", "--show", "lost-callback"]);
    assert_eq!(shown["name"], "lost-callback");
}
