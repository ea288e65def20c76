//! The last line of `cargo xtask test` sums up what the test programs said.

use xtask::suite::Tally;

#[test]
fn results_of_several_programs_are_added() {
    let mut tally = Tally::default();
    tally.add("running 3 tests\n");
    tally.add("test result: ok. 3 passed; 0 failed; 1 ignored; 0 measured; 0 filtered out; finished in 0.01s\n");
    tally.add("test result: FAILED. 5 passed; 2 failed; 0 ignored; 0 measured; 4 filtered out; finished in 1.20s\n");
    assert_eq!(tally, Tally { passed: 8, failed: 2, skipped: 1 });
}

#[test]
fn lines_that_only_look_alike_add_nothing() {
    let mut tally = Tally::default();
    tally.add("test a_test ... ok\n");
    tally.add("the test result: ok. 3 passed\n");
    assert_eq!(tally, Tally::default());
}
