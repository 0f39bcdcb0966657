//! Fuzzing of scenario files: read whole and sound, or the mistake has a place in the file.

#[path = "../../../../../tests/fuzz/mutator.rs"]
mod mutator;

#[test]
fn fuzz_scenarios() {
    let words =
        ["\"order\"", "\"pay\"", "\"advance\"", "\"seconds\"", "\"fault\"", "\"expect_callback\"", "\"steps\"", "1.00"];
    mutator::fuzz("scenario", &words, |bytes| {
        let text = String::from_utf8_lossy(bytes);
        match super::format::parse(&text) {
            Ok(scenario) => {
                assert!((1..=500).contains(&scenario.steps.len()), "{} steps", scenario.steps.len());
                ("sound".to_owned(), scenario.steps.len().min(4))
            }
            Err(mistake) => {
                assert!((1..=text.matches('\n').count() + 1).contains(&mistake.line), "{mistake}");
                (
                    mistake.what.split(['`', '"', ':']).next().unwrap_or_default().to_owned(),
                    mistake.step.unwrap_or(0).min(4),
                )
            }
        }
    });
}
