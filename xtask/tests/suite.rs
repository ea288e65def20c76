//! The last lines of `cargo xtask test` sum up what the test programs said, and why tests were skipped.

use xtask::suite::Tally;

fn tally_of(lines: &[&str]) -> Tally {
    let mut tally = Tally::default();
    for line in lines {
        tally.add(line);
    }
    tally
}

#[test]
fn results_of_several_programs_are_added() {
    let tally = tally_of(&[
        "running 3 tests\n",
        "test result: ok. 3 passed; 0 failed; 1 ignored; 0 measured; 0 filtered out; finished in 0.01s\n",
        "test result: FAILED. 5 passed; 2 failed; 0 ignored; 0 measured; 4 filtered out; finished in 1.20s\n",
    ]);
    assert_eq!((tally.passed(), tally.failed(), tally.skipped()), (8, 2, 1));
    assert_eq!(tally.to_string(), "8 passed, 2 failed, 1 skipped");
}

#[test]
fn lines_that_only_look_alike_add_nothing() {
    let tally = tally_of(&[
        "test a_test ... ok\n",
        "the test result: ok. 3 passed\n",
        "stages without steps are skipped: none is left\n",
        "test skipped: ... ok\n",
    ]);
    assert_eq!(tally, Tally::default());
}

#[test]
fn a_test_that_says_it_was_skipped_has_not_passed() {
    let tally = tally_of(&[
        "skipped: strace is not installed\n",
        "test a_store_syncs ... ok\n",
        "test result: ok. 4 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.01s\n",
    ]);
    assert_eq!((tally.passed(), tally.skipped()), (3, 1));
}

#[test]
fn the_reason_is_found_behind_the_name_that_libtest_has_begun_the_line_with() {
    let tally = tally_of(&["test real_zips_are_read ... skipped: ../shared is missing\n", "ok\n"]);
    assert_eq!(tally.skipped(), 1);
    assert!(tally.to_string().starts_with("1 skipped: ../shared is missing\n"), "{tally}");
}

#[test]
fn each_reason_is_told_once_with_its_count() {
    let tally = tally_of(&[
        "skipped: strace is not installed\n",
        "skipped: no network\n",
        "skipped: strace is not installed\n",
        "test result: ok. 9 passed; 0 failed; 2 ignored; 0 measured; 0 filtered out; finished in 0.01s\n",
    ]);
    let expected = "1 skipped: no network\n2 skipped: strace is not installed\n6 passed, 0 failed, 5 skipped";
    assert_eq!(tally.to_string(), expected);
}
