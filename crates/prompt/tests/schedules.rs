//! Prompts that change while the picture is drawn.

use prompt::DEPTH_MAX;
use prompt::schedule::{NodeKind, Pass, Schedule, Steps, When, parse};

fn steps(count: u32) -> Steps {
    Steps { count, evaluations: 1 }
}

fn first(text: &str, count: u32) -> Schedule {
    Schedule::new(text, Pass::First(steps(count)))
}

fn hires(text: &str, count: u32, second: u32) -> Schedule {
    Schedule::new(text, Pass::Hires { first: steps(count), second: steps(second) })
}

/// Each stretch's last step and text.
fn stretches(schedule: &Schedule) -> Vec<(u32, &str)> {
    schedule.entries().iter().map(|entry| (entry.end, schedule.texts()[entry.text].as_str())).collect()
}

/// The texts of the first `calls` calls.
fn drawn(schedule: &Schedule, calls: u32) -> String {
    (0..calls).map(|call| schedule.texts()[schedule.at(call)].as_str()).collect()
}

#[test]
fn a_share_and_a_step_say_when() {
    assert_eq!(stretches(&first("a [cat:dog:0.5]", 20)), [(10, "a cat"), (20, "a dog")]);
    assert_eq!(stretches(&first("a [cat:dog:5]", 20)), [(5, "a cat"), (20, "a dog")]);
    assert_eq!(stretches(&first("a [cat:dog: 5 ]", 20)), [(5, "a cat"), (20, "a dog")]);
    assert_eq!(stretches(&first("a [cat:dog:.33]", 10)), [(3, "a cat"), (10, "a dog")], "3.3 steps are 3");
}

#[test]
fn one_side_may_be_nothing() {
    assert_eq!(stretches(&first("a[ cat:5]", 20)), [(5, "a"), (20, "a cat")]);
    assert_eq!(stretches(&first("a[: cat:5]", 20)), [(5, "a"), (20, "a cat")]);
    assert_eq!(stretches(&first("a[ cat::5]", 20)), [(5, "a cat"), (20, "a")]);
    assert_eq!(stretches(&first("a[:5]", 20)), [(5, "a"), (20, "a")]);
}

#[test]
fn a_change_outside_of_the_pass_has_happened_or_never_does() {
    assert_eq!(stretches(&first("[a:b:25]", 20)), [(20, "a")]);
    assert_eq!(stretches(&first("[a:b:1.5]", 20)), [(20, "a")]);
    assert_eq!(stretches(&first("[a:b:0]", 20)), [(20, "b")]);
    assert_eq!(stretches(&first("[a:b:0.01]", 20)), [(20, "b")], "a fifth of a step is none");
    assert_eq!(stretches(&first("[a:b:-3]", 20)), [(20, "b")]);
}

#[test]
fn the_first_stretch_lasts_one_call_longer_than_written() {
    let schedule = first("[a:b:2]", 6);
    assert_eq!(drawn(&schedule, 6), "aaabbb");
    assert_eq!(drawn(&schedule, 9), "aaabbbbaa", "behind the last stretch the first text holds again");
}

#[test]
fn shares_stay_right_for_samplers_that_ask_the_denoiser_twice() {
    let twice = Pass::First(Steps { count: 20, evaluations: 2 });
    let share = Schedule::new("[a:b:0.5]", twice);
    assert_eq!(stretches(&share), [(20, "a"), (40, "b")]);
    assert_eq!(drawn(&share, 39), "a".repeat(21) + &"b".repeat(18));
    assert_eq!(stretches(&Schedule::new("[a:b:5]", twice)), [(5, "a"), (40, "b")], "steps count calls");
}

#[test]
fn alternation_takes_the_next_at_every_step() {
    let schedule = first("[a|b]", 5);
    assert_eq!(stretches(&schedule), [(1, "a"), (2, "b"), (3, "a"), (4, "b"), (5, "a")]);
    assert_eq!(schedule.texts(), ["a", "b"], "each text is encoded once");
    assert_eq!(drawn(&schedule, 5), "aabab");
    assert_eq!(drawn(&first("[a|b|c]", 7), 7), "aabcabc");
    assert_eq!(stretches(&first("x[ y|]", 2)), [(1, "x y"), (2, "x")]);
}

#[test]
fn the_second_pass_has_shares_of_its_own_and_counts_steps_on() {
    assert_eq!(stretches(&hires("[a:b:1.5]", 20, 10)), [(5, "a"), (10, "b")]);
    assert_eq!(stretches(&hires("[a:b:0.5]", 20, 10)), [(10, "b")]);
    assert_eq!(stretches(&hires("[a:b:2.5]", 20, 10)), [(10, "a")]);
    assert_eq!(stretches(&hires("[a:b:23]", 20, 10)), [(3, "a"), (10, "b")]);
    assert_eq!(stretches(&hires("[a:b:20]", 20, 10)), [(10, "b")]);
    assert_eq!(drawn(&hires("[a|b]", 3, 4), 4), "aaba", "alternation begins anew");
    let twice = Steps { count: 20, evaluations: 2 };
    assert_eq!(
        stretches(&Schedule::new("[a:b:43]", Pass::Hires { first: twice, second: twice })),
        [(3, "a"), (40, "b")]
    );
}

#[test]
fn schedules_nest() {
    assert_eq!(
        stretches(&first("a [[red|blue] cat:black castle:0.5]", 8)),
        [
            (1, "a red cat"),
            (2, "a blue cat"),
            (3, "a red cat"),
            (4, "a blue cat"),
            (5, "a black castle"),
            (6, "a black castle"),
            (7, "a black castle"),
            (8, "a black castle")
        ]
    );
    assert_eq!(stretches(&first("[[a:b:2]:c:4]", 6)), [(2, "a"), (4, "b"), (6, "c")]);
    assert_eq!(stretches(&first("([a:b:2]:1.3) [c]", 4)), [(2, "(a:1.3) [c]"), (4, "(b:1.3) [c]")]);
}

#[test]
fn what_is_no_schedule_stays_as_it_is() {
    let literals = [
        "",
        "a: b",
        "(a:1.3)",
        "[a]",
        "[a:b]",
        "[a:b:c]",
        "[a:b:c:3]",
        "[a:b:1..2]",
        "[a:b:3",
        "a:b:3]",
        "[(a:b:3]",
        "[a:b:(3)]",
        r"\[a:b:3\]",
        r"[a:b:3\]",
        "(a:b:c)",
        "][)(",
    ];
    for text in literals {
        assert_eq!(stretches(&first(text, 10)), [(10, text)], "{text}");
    }
}

#[test]
fn a_schedule_beside_stray_brackets_works() {
    assert_eq!(stretches(&first("(:[a:b:2])) ]", 4)), [(2, "(:a)) ]"), (4, "(:b)) ]")]);
    assert_eq!(stretches(&first("[x:[a:b:2]", 4)), [(2, "[x:a"), (4, "[x:b")]);
    assert_eq!(stretches(&first(r"[a\::\]b:2]", 4)), [(2, r"a\:"), (4, r"\]b")]);
}

#[test]
fn a_text_outside_of_the_grammar_is_one_literal() {
    for text in ["a | b [c:d:2]", "(a|b) [c:d:2]", "[a|b [c:d:2]", "[a:b|c] [c:d:2]", r"[c:d:2] \"] {
        assert_eq!(stretches(&first(text, 4)), [(4, text)], "{text}");
    }
}

#[test]
fn brackets_beyond_the_deepest_make_the_text_literal() {
    let deep = |depth: usize| format!("{}[a:b:2]{}", "[".repeat(depth - 1), "]".repeat(depth - 1));
    assert_eq!(first(&deep(DEPTH_MAX), 4).texts().len(), 2);
    assert_eq!(first(&deep(DEPTH_MAX + 1), 4).texts(), [deep(DEPTH_MAX + 1)]);
}

#[test]
fn a_pass_without_steps_has_a_text() {
    let schedule = first("[a:b:0.5] [c|d]", 0);
    assert_eq!(schedule.texts()[schedule.at(0)], "a c");
    assert_eq!(schedule.at(7), 0);
}

#[test]
fn nodes_know_where_they_stand() {
    let text = "ä [x:(y:1.2):0.5]";
    let Some([literal, scheduled]) = parse(text).map(|nodes| <[_; 2]>::try_from(nodes).expect("two nodes")) else {
        panic!("it parses")
    };
    assert_eq!((&text[literal.span], literal.kind), ("ä ", NodeKind::Text));
    assert_eq!(&text[scheduled.span], "[x:(y:1.2):0.5]");
    let NodeKind::Scheduled { from, to, when } = scheduled.kind else { panic!("{:?}", scheduled.kind) };
    assert_eq!((&text[from[0].span.clone()], &text[to[0].span.clone()], when), ("x", "(y:1.2)", When::Share(0.5)));
}
