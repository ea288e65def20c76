//! What holds for every text, however it came about.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use prompt::chunks::{CHUNK_LENGTH, Chunk, Embeddings};
use prompt::emphasis::{EmphasisMode, Fragment, fragments};
use prompt::networks::cut;
use prompt::schedule::{Node, NodeKind, Pass, Schedule, Steps, When, parse};
use prompt::{Language, Prompt};
use support::{BEGIN, Chance, END, PIECES, Words};

const STEPS: Steps = Steps { count: 6, evaluations: 1 };
const PASSES: [Pass; 2] = [Pass::First(STEPS), Pass::Hires { first: STEPS, second: STEPS }];

/// Thousands of texts, most of them nonsense.
fn texts() -> impl Iterator<Item = String> {
    let mut chance = Chance(7);
    (0..6_000).map(move |_| chance.text(&PIECES, 40))
}

/// Reads the text as both prompts, in all modes, down to the chunks.
fn read_wholly(text: &str, passes: &[Pass]) -> Vec<Chunk> {
    let embeddings = Embeddings::new(&Words, [("cat", 2), ("dog , cat", 70)]);
    let mut all = Vec::new();
    for &emphasis in EmphasisMode::ALL {
        let language = Language { emphasis, ..Language::default() };
        let prompts = [Prompt::positive(text, &language).unwrap(), Prompt::negative(text, &language).unwrap()];
        for tag in &prompts[0].networks {
            let _ = tag.read();
        }
        for (part, &pass) in
            prompts.iter().flat_map(|prompt| &prompt.parts).flat_map(|part| passes.iter().map(move |pass| (part, pass)))
        {
            let schedule = part.schedule(pass);
            assert!((0..20).all(|call| schedule.at(call) < schedule.texts().len()), "{text}");
            assert!(schedule.texts().iter().all(|variant| variant.len() <= part.text.len()), "{text}");
            all.extend(language.chunks(schedule.texts(), &Words, &embeddings).into_iter().flatten());
        }
    }
    all
}

#[test]
fn any_text_is_read_to_whole_chunks() {
    for text in texts() {
        for chunk in read_wholly(&text, &PASSES) {
            assert_eq!((chunk.ids[0], chunk.ids[CHUNK_LENGTH - 1]), (BEGIN, END), "{text}");
            assert!(chunk.weights.iter().all(|weight| weight.is_finite()), "{text}");
            assert!(chunk.replaced.is_sorted_by(|before, after| before.position < after.position), "{text}");
            for replaced in &chunk.replaced {
                let vectors = [2, 70][replaced.embedding];
                let rows = replaced.position..replaced.position + vectors;
                assert!(chunk.ids[rows].iter().all(|&id| id == 0), "every vector has its row: {text}");
            }
        }
    }
}

#[test]
fn text_without_special_characters_is_left_alone() {
    let mut chance = Chance(8);
    for _ in 0..2_000 {
        let text = format!(
            "{}end",
            chance.text(&["cat", "dog", ", ", " ", ".", "é", "猫", "\n", "-", "and", "1.5", "{}", "<", "="], 60)
        );
        let prompt = Prompt::positive(&text, &Language::default()).unwrap();
        assert_eq!((prompt.text.as_str(), prompt.networks.len()), (text.as_str(), 0));
        assert_eq!(
            (prompt.parts.len(), prompt.parts[0].text.as_str(), prompt.parts[0].weight),
            (1, text.as_str(), 1.0)
        );
        assert_eq!(prompt.parts[0].schedule(PASSES[0]).texts(), [text.as_str()]);
        assert_eq!(fragments(&text, EmphasisMode::Original), [Fragment::Text { text: text.clone(), weight: 1.0 }]);
        let chunks = Language::default().chunks(&[text], &Words, &Embeddings::default());
        assert!(chunks.iter().flatten().all(|chunk| chunk.weights == [1.0; CHUNK_LENGTH]));
    }
}

#[test]
fn tags_and_what_is_around_them_are_the_text() {
    for text in texts() {
        let (rest, tags) = cut(&text);
        let mut whole = rest;
        for tag in &tags {
            whole.insert_str(tag.span.start, &text[tag.span.clone()]);
            assert_eq!(text[tag.span.clone()], format!("<{}:{}>", tag.kind, tag.arguments.join(":")));
        }
        assert_eq!(whole, text);
    }
}

/// All nodes touch, from `start` to `end`.
fn assert_touching(nodes: &[Node], start: usize, end: usize, text: &str) {
    let mut next = start;
    for node in nodes {
        assert_eq!(node.span.start, next, "{text}");
        next = node.span.end;
        match &node.kind {
            NodeKind::Text => assert!(!node.span.is_empty(), "{text}"),
            NodeKind::Square(inside) => assert_touching(inside, node.span.start + 1, node.span.end - 1, text),
            NodeKind::Round(parts) | NodeKind::Alternation(parts) => {
                let mut start = node.span.start + 1;
                for part in parts {
                    let end = part.last().map_or(start, |last| last.span.end);
                    assert_touching(part, start, end, text);
                    start = end + 1;
                }
                assert_eq!(start, node.span.end, "one separator between two parts, a bracket behind the last: {text}");
            }
            NodeKind::Scheduled { to, .. } => {
                assert!(to.iter().all(|inner| inner.span.start > node.span.start && inner.span.end < node.span.end));
            }
        }
    }
    assert_eq!(next, end, "{text}");
}

#[test]
fn the_nodes_of_a_text_lose_nothing_of_it() {
    for text in texts() {
        if let Some(nodes) = parse(&text) {
            assert_touching(&nodes, 0, text.len(), &text);
        }
        if !text.contains('[') {
            assert_eq!(
                Schedule::new(&text, PASSES[0]).texts(),
                [text.as_str()],
                "nothing changes without a square bracket"
            );
        }
    }
}

/// The grammar read by its letter, rule by rule, with as many tries as it takes.
mod by_the_letter {
    /// What the nodes say: text as it is, changes as `{from>to@when}`, alternation as `{one/other}`.
    pub(crate) fn top(text: &str) -> Option<String> {
        let (mut shown, mut rest) = (String::new(), text);
        loop {
            let (nodes, behind) = sequence(rest);
            shown += &nodes;
            match behind.chars().next() {
                None => return Some(shown),
                Some(stray @ ('(' | ')' | '[' | ']' | ':')) => {
                    shown.push(stray);
                    rest = &behind[1..];
                }
                Some(_) => return None,
            }
        }
    }

    fn sequence(mut rest: &str) -> (String, &str) {
        let mut shown = String::new();
        while let Some((node, behind)) = round(rest).or_else(|| square(rest)).or_else(|| plain(rest)) {
            shown += &node;
            rest = behind;
        }
        (shown, rest)
    }

    fn plain(rest: &str) -> Option<(String, &str)> {
        let mut letters = rest.chars();
        let mut node = String::from(letters.next().filter(|letter| !"[]():|".contains(*letter))?);
        if node == "\\" {
            node.push(letters.next()?);
        }
        Some((node, letters.as_str()))
    }

    fn round(rest: &str) -> Option<(String, &str)> {
        let (one, behind) = sequence(rest.strip_prefix('(')?);
        if let Some(behind) = behind.strip_prefix(')') {
            return Some((format!("({one})"), behind));
        }
        let (other, behind) = sequence(behind.strip_prefix(':')?);
        Some((format!("({one}:{other})"), behind.strip_prefix(')')?))
    }

    fn square(rest: &str) -> Option<(String, &str)> {
        let (one, behind) = sequence(rest.strip_prefix('[')?);
        if let Some(behind) = behind.strip_prefix(']') {
            return Some((format!("[{one}]"), behind));
        }
        if behind.starts_with('|') {
            return alternation(one, behind);
        }
        let behind = behind.strip_prefix(':')?;
        if let Some((when, behind)) = when(behind) {
            return Some((format!("{{>{one}@{when}}}"), behind));
        }
        let (to, behind) = sequence(behind);
        let (when, behind) = when(behind.strip_prefix(':')?)?;
        Some((format!("{{{one}>{to}@{when}}}"), behind))
    }

    fn alternation(one: String, mut rest: &str) -> Option<(String, &str)> {
        let mut parts = vec![one];
        while let Some(behind) = rest.strip_prefix('|') {
            let (part, behind) = sequence(behind);
            parts.push(part);
            rest = behind;
        }
        Some((format!("{{{}}}", parts.join("/")), rest.strip_prefix(']')?))
    }

    fn when(rest: &str) -> Option<(f64, &str)> {
        let (number, behind) = rest.split_once(']')?;
        let number = number.trim();
        number
            .chars()
            .all(|letter| ".-+0123456789".contains(letter))
            .then(|| number.parse().ok())
            .flatten()
            .map(|number| (number, behind))
    }
}

/// The tree in the manner of [`by_the_letter`].
fn shown(nodes: &[Node], text: &str) -> String {
    let all = |parts: &[Vec<Node>], between: &str| {
        parts.iter().map(|part| shown(part, text)).collect::<Vec<_>>().join(between)
    };
    let node = |node: &Node| match &node.kind {
        NodeKind::Text => text[node.span.clone()].to_owned(),
        NodeKind::Round(parts) => format!("({})", all(parts, ":")),
        NodeKind::Square(inside) => format!("[{}]", shown(inside, text)),
        NodeKind::Alternation(parts) => format!("{{{}}}", all(parts, "/")),
        NodeKind::Scheduled { from, to, when: When::Share(when) | When::Step(when) } => {
            format!("{{{}>{}@{when}}}", shown(from, text), shown(to, text))
        }
    };
    nodes.iter().map(node).collect()
}

#[test]
fn the_parser_reads_what_the_grammar_says() {
    let letters = ["(", ")", "[", "]", ":", "|", "1", "a", "\\"];
    let short = (0..9_usize.pow(5)).map(|number| {
        let digits = (0..5).map(|place| number / 9_usize.pow(place) % 9);
        digits.map(|digit| letters[digit]).collect::<String>()
    });
    let mut chance = Chance(9);
    let pieces = ["[", "[", "[", "]", "]", ":1]", ":a:0.5]", "(", ")", ":", "|a]", "[a", "x", "[a|b]", "\\]", " "];
    let long: Vec<_> = (0..20_000).map(|_| chance.text(&pieces, 14)).collect();
    let mut changing = 0;
    for text in short.chain(long).chain(texts()) {
        let tree = parse(&text).map(|nodes| shown(&nodes, &text));
        changing += usize::from(tree.as_ref().is_some_and(|tree| tree.contains('{')));
        assert_eq!(tree, by_the_letter::top(&text), "{text}");
    }
    assert!(changing > 5_000, "only {changing} of the texts change");
}

#[test]
fn a_text_with_backslashes_before_brackets_is_itself() {
    for text in texts().filter(|text| !text.contains("BREAK")) {
        let mut escaped = String::new();
        for letter in text.chars() {
            escaped.extend(if "()[]\\".contains(letter) { vec!['\\', letter] } else { vec![letter] });
        }
        assert_eq!(fragments(&escaped, EmphasisMode::Original), [Fragment::Text { text, weight: 1.0 }]);
    }
}

#[test]
fn hostile_texts_are_read_in_good_time_and_without_depth() {
    let length = 20_000;
    let repeated = |piece: &str| piece.repeat(length / piece.len());
    let nested = |open: &str, close: &str| {
        let depth = length / (open.len() + close.len());
        open.repeat(depth) + &close.repeat(depth)
    };
    let mut hostile: Vec<_> = [
        "[", "(", "([", "[a|", "[a:", "[a:b:", "(a:", "a|", ":", "\\", "<a:", "<", "#", ": ", ":1.", "[(:", "AND ",
        "BREAK ", "]", ")(",
    ]
    .map(repeated)
    .into();
    hostile.extend([
        nested("(", ")"),
        nested("[", "]"),
        nested("[a:", ":1]"),
        nested("[a|", "]"),
        nested("(a", ":1.1)"),
        nested("[a:b:", "]"),
        nested("[(", ")]"),
        nested("(", "]"),
        format!("{}{}", nested("[a|b", "]"), ">"),
        repeated("[a|b]"),
        repeated("[a:b:2]"),
        repeated("<a:b>"),
    ]);
    for text in hostile {
        assert!(!read_wholly(&text, &PASSES[..1]).is_empty());
    }
}
