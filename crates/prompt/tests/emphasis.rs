//! Brackets, weights and BREAK.

use prompt::DEPTH_MAX;
use prompt::emphasis::{EmphasisMode, Fragment, fragments};

fn text(text: &str, weight: f64) -> Fragment {
    Fragment::Text { text: text.to_owned(), weight }
}

fn original(prompt: &str) -> Vec<Fragment> {
    fragments(prompt, EmphasisMode::Original)
}

#[test]
fn weights_are_the_products_that_doubles_give() {
    assert_eq!(original("red ((car))"), [text("red ", 1.0), text("car", 1.2100000000000002)]);
    assert_eq!(
        original("[old] (big:1.5) dog"),
        [text("old", 0.9090909090909091), text(" ", 1.0), text("big", 1.5), text(" dog", 1.0)]
    );
    assert_eq!(
        original("a [red] cat, [[blue castle]]"),
        [
            text("a ", 1.0),
            text("red", 0.9090909090909091),
            text(" cat, ", 1.0),
            text("blue castle", 0.8264462809917354)
        ]
    );
    assert_eq!(original("(a (b:1.3) c:0.7)"), [text("a ", 0.7), text("b", 1.3 * 0.7), text(" c", 0.7)]);
}

#[test]
fn a_weight_may_be_negative_and_may_have_space_around_it() {
    assert_eq!(original("a red cat, (blue castle:-0.6)"), [text("a red cat, ", 1.0), text("blue castle", -0.6)]);
    assert_eq!(original("(a : +2. )"), [text("a ", 2.0)]);
    assert_eq!(original("(a:.5)"), [text("a", 0.5)]);
}

#[test]
fn a_bracket_that_stays_open_lasts_to_the_end() {
    assert_eq!(original("(x:1.3"), [text("x:1.3", 1.1)]);
    assert_eq!(original("((a:1.2)"), [text("a", 1.32)]);
    assert_eq!(original("a [b"), [text("a ", 1.0), text("b", 0.9090909090909091)]);
}

#[test]
fn a_close_without_an_open_is_text() {
    assert_eq!(original("a:1.3)"), [text("a:1.3)", 1.0)]);
    assert_eq!(original("a) b]"), [text("a) b]", 1.0)]);
    assert_eq!(original("[a:1.3)"), [text("a:1.3)", 0.9090909090909091)]);
}

#[test]
fn round_and_square_brackets_do_not_see_each_other() {
    assert_eq!(
        original("(a [b) c]"),
        [text("a ", 1.1), text("b", 1.1 * 0.9090909090909091), text(" c", 0.9090909090909091)]
    );
}

#[test]
fn a_backslash_makes_brackets_text_and_is_dropped_elsewhere() {
    assert_eq!(original(r"\(x\)"), [text("(x)", 1.0)]);
    assert_eq!(original(r"\[x\] \\ \y"), [text(r"[x] \ y", 1.0)]);
    assert_eq!(original(r"a\"), [text("a", 1.0)]);
    assert_eq!(original(r"(a\:1.5)"), [text("a", 1.5)], "what follows a dropped backslash is read as ever");
    assert_eq!(original(r"\\\(a)"), [text(r"\(a)", 1.0)]);
}

#[test]
fn what_only_looks_like_a_number_is_text() {
    assert_eq!(original("(a:1..2)"), [text("a:1..2", 1.1)]);
    assert_eq!(original("(a:.)"), [text("a:.", 1.1)]);
    assert_eq!(original("(a:)"), [text("a:", 1.1)]);
    assert_eq!(original("(a:1 2)"), [text("a:1 2", 1.1)]);
    let endless = "9".repeat(400);
    assert_eq!(original(&format!("(a:{endless})")), [text(&format!("a:{endless}"), 1.1)]);
}

#[test]
fn neighbours_of_equal_weight_are_one_and_no_text_is_one() {
    assert_eq!(original("(a)(b) c"), [text("ab", 1.1), text(" c", 1.0)]);
    assert_eq!(original("a: b"), [text("a: b", 1.0)]);
    for nothing in ["", "()", "[]", r"\", "(:1.2)"] {
        assert_eq!(original(nothing), [text("", 1.0)], "{nothing}");
    }
}

#[test]
fn break_takes_the_space_around_it_along() {
    assert_eq!(original("a cat  BREAK\na dog"), [text("a cat", 1.0), Fragment::Break, text("a dog", 1.0)]);
    assert_eq!(original("BREAK a"), [Fragment::Break, text("a", 1.0)]);
    assert_eq!(original("a BREAK BREAK"), [text("a", 1.0), Fragment::Break, Fragment::Break]);
    assert_eq!(original("(a)BREAK(b)"), [text("a", 1.1), Fragment::Break, text("b", 1.1)]);
}

#[test]
fn break_stands_alone_in_capitals() {
    for prompt in ["a break b", "BREAKING", "OUTBREAK", "BREAK_", "BREAK2"] {
        assert_eq!(original(prompt), [text(prompt, 1.0)], "{prompt}");
    }
}

#[test]
fn break_inside_of_brackets_is_text_of_negative_weight_as_in_the_web_ui() {
    assert_eq!(
        original("(a red cat BREAK blue castle:1.2), moon"),
        [text("a red cat", 1.2), text("BREAK", -1.2), text("blue castle", 1.2), text(", moon", 1.0)]
    );
    assert_eq!(original("[BREAK"), [text("BREAK", -0.9090909090909091)]);
    assert_eq!(original("(a BREAK b:1)"), [text("a", 1.0), Fragment::Break, text("b", 1.0)], "times 1 it is itself");
}

#[test]
fn ignore_leaves_the_brackets_out_and_none_leaves_them_in() {
    assert_eq!(
        fragments("a (red:1.5) cat BREAK [x]", EmphasisMode::Ignore),
        [text("a ", 1.0), text("red", 1.0), text(" cat", 1.0), Fragment::Break, text("x", 1.0)]
    );
    let prompt = r"a (red:1.5) cat BREAK [[blue\(castle]]";
    assert_eq!(fragments(prompt, EmphasisMode::None), [text(prompt, 1.0)]);
    assert_eq!(fragments("(a)", EmphasisMode::NoNorm), [text("a", 1.1)]);
}

#[test]
fn an_unknown_mode_acts_as_original() {
    assert_eq!(EmphasisMode::named("No norm"), EmphasisMode::NoNorm);
    assert_eq!(EmphasisMode::named("none"), EmphasisMode::None);
    assert_eq!(EmphasisMode::named("loud"), EmphasisMode::Original);
    let restoring: Vec<_> = EmphasisMode::ALL.iter().filter(|mode| mode.restores_mean()).collect();
    assert_eq!(restoring, [&EmphasisMode::Original]);
}

#[test]
fn brackets_beyond_the_deepest_are_text() {
    let deep = |depth: usize| format!("{}a{}", "(".repeat(depth), ")".repeat(depth));
    let weight = std::iter::repeat_n(1.1, DEPTH_MAX).product();
    assert_eq!(original(&deep(DEPTH_MAX)), [text("a", weight)]);
    assert_eq!(original(&deep(DEPTH_MAX + 1)), [text("(a", weight), text(")", 1.0)]);
}
