//! Schedules: prompts that change while the picture is drawn.

mod grammar;
mod pass;

pub use grammar::{Node, NodeKind, Sequence, When, parse};
pub use pass::{Pass, Steps};

use std::collections::{BTreeSet, HashMap};

/// The texts of a prompt through one pass.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Schedule {
    texts: Vec<String>,
    entries: Vec<Entry>,
}

/// A stretch of steps with one text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Entry {
    /// Its last step, counted in evaluations of the denoiser.
    pub end: u32,
    /// Which of the [`Schedule::texts`].
    pub text: usize,
}

impl Schedule {
    /// The schedule of `text` in `pass`.
    ///
    /// It holds at most as many entries as the pass has evaluations, and as many texts, none longer than `text`.
    pub fn new(text: &str, pass: Pass) -> Self {
        let Some(tree) = parse(text) else {
            return Self { texts: vec![text.to_owned()], entries: vec![Entry { end: pass.evaluations(), text: 0 }] };
        };
        let mut ends = BTreeSet::from([pass.evaluations()]);
        add_ends(&tree, pass, &mut ends);

        let mut schedule = Self { texts: Vec::new(), entries: Vec::new() };
        let mut known = HashMap::new();
        for end in ends {
            let mut variant = String::with_capacity(text.len());
            write(&tree, text, pass, end, &mut variant);
            let next = known.len();
            let text = *known.entry(variant.clone()).or_insert(next);
            if text == next {
                schedule.texts.push(variant);
            }
            schedule.entries.push(Entry { end, text });
        }
        schedule
    }

    /// Each text there is, once, in the order of appearance; at least one.
    pub fn texts(&self) -> &[String] {
        &self.texts
    }

    /// The stretches, in order; at least one. Neighbours may have the same text.
    pub fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// Which of the [`Self::texts`] holds when the denoiser was called `calls` times before in this pass.
    ///
    /// The calls begin with 0 and the steps with 1, so the first stretch lasts one call longer than written, and
    /// `[a|b]` goes a, a, b, a. Behind the last stretch the first text holds again.
    pub fn at(&self, calls: u32) -> usize {
        let entry = self.entries.partition_point(|entry| entry.end < calls);
        self.entries.get(entry).or(self.entries.first()).map_or(0, |entry| entry.text)
    }
}

/// Adds the steps after which the text may change.
fn add_ends(nodes: &[Node], pass: Pass, ends: &mut BTreeSet<u32>) {
    for node in nodes {
        match &node.kind {
            NodeKind::Text => {}
            NodeKind::Square(inside) => add_ends(inside, pass, ends),
            NodeKind::Round(parts) => parts.iter().for_each(|part| add_ends(part, pass, ends)),
            NodeKind::Alternation(parts) => {
                // Once is enough, however many there are.
                if ends.len() < pass.evaluations() as usize {
                    ends.extend(1..=pass.evaluations());
                }
                parts.iter().for_each(|part| add_ends(part, pass, ends));
            }
            NodeKind::Scheduled { from, to, when } => {
                ends.extend(pass.boundary(*when).filter(|&end| end > 0));
                add_ends(from, pass, ends);
                add_ends(to, pass, ends);
            }
        }
    }
}

/// Appends the text that `nodes` of `source` are in the stretch that ends with step `end`.
fn write(nodes: &[Node], source: &str, pass: Pass, end: u32, text: &mut String) {
    for node in nodes {
        match &node.kind {
            NodeKind::Text => text.push_str(&source[node.span.clone()]),
            NodeKind::Square(inside) => {
                text.push('[');
                write(inside, source, pass, end, text);
                text.push(']');
            }
            NodeKind::Round(parts) => {
                text.push('(');
                for (index, part) in parts.iter().enumerate() {
                    text.push_str(if index == 0 { "" } else { ":" });
                    write(part, source, pass, end, text);
                }
                text.push(')');
            }
            NodeKind::Alternation(parts) => {
                let part = end.saturating_sub(1) as usize % parts.len();
                write(&parts[part], source, pass, end, text);
            }
            NodeKind::Scheduled { from, to, when } => {
                let before = pass.boundary(*when).is_some_and(|boundary| end <= boundary);
                write(if before { from } else { to }, source, pass, end, text);
            }
        }
    }
}
