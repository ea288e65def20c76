//! Prompts joined by AND.

use prompt::composition::split;

fn parts(text: &str) -> Vec<(String, f64)> {
    split(text).into_iter().map(|part| (part.text, part.weight)).collect()
}

fn part(text: &str, weight: f64) -> (String, f64) {
    (text.to_owned(), weight)
}

#[test]
fn and_joins_prompts_that_each_may_have_a_weight() {
    assert_eq!(
        parts("a red cat :1.3 AND blue castle, moon :0.6 AND noise :-0.4"),
        [part("a red cat", 1.3), part(" blue castle, moon", 0.6), part(" noise", -0.4)]
    );
    assert_eq!(parts("a AND b"), [part("a", 1.0), part(" b", 1.0)]);
}

#[test]
fn a_lone_prompt_may_have_a_weight_too_even_by_mistake() {
    assert_eq!(parts("a cat :1.5"), [part("a cat", 1.5)]);
    assert_eq!(parts("a red cat, ratio 16:9"), [part("a red cat, ratio 16", 9.0)]);
    assert_eq!(parts("a cat\n : +.5 \n"), [part("a cat", 0.5)]);
    assert_eq!(parts("a cat:2."), [part("a cat", 2.0)]);
    assert_eq!(parts(":2"), [part("", 2.0)]);
}

#[test]
fn a_prompt_may_have_several_lines() {
    assert_eq!(parts("a\ncat :2 AND\na dog"), [part("a\ncat", 2.0), part("\na dog", 1.0)]);
}

#[test]
fn what_is_no_number_is_no_weight() {
    for text in
        ["a:", "a:b", "(a:1.5)", "a :1.2.3", "a :.", "a : - 1", "a :1e3", "a :1,5", "a:inf", "a:nan", "[a:b:0.5]"]
    {
        assert_eq!(parts(text), [part(text, 1.0)], "{text}");
    }
    let endless = format!("a :{}", "9".repeat(400));
    assert_eq!(parts(&endless), [part(&endless, 1.0)]);
}

#[test]
fn and_stands_alone_in_capitals() {
    for text in ["a and b", "HANDS", "a ANDb", "AND_", "éAND"] {
        assert_eq!(parts(text), [part(text, 1.0)], "{text}");
    }
    assert_eq!(parts("AND AND"), [part("", 1.0), part("", 1.0), part("", 1.0)]);
    assert_eq!(parts("(a AND b)"), [part("(a", 1.0), part(" b)", 1.0)]);
    assert_eq!(parts("a,AND.b"), [part("a,", 1.0), part(".b", 1.0)]);
}
