//! The grammar of schedules:
//!
//! ```text
//! top         := (sequence | stray bracket or colon)*
//! sequence    := (round | square | scheduled | alternation | text)*
//! round       := "(" sequence ")" | "(" sequence ":" sequence ")"
//! square      := "[" sequence "]"
//! scheduled   := "[" (sequence ":")? sequence ":" when "]"
//! alternation := "[" sequence ("|" sequence)+ "]"
//! text        := (any character but \ [ ] ( ) : | , or a backslash and any character)+
//! ```
//!
//! Strays stand at the top alone, so a bracket around one is itself a stray. Therefore one pass with a stack of open
//! brackets decides, without trying again and without recursion: what closes well becomes a node, and what does not
//! sets everything open free, to the top.

use std::ops::Range;

use crate::DEPTH_MAX;
use crate::number::decimal;

/// Nodes one after the other; their spans touch.
pub type Sequence = Vec<Node>;

/// A piece of the text.
#[derive(Debug, Clone, PartialEq)]
pub struct Node {
    /// Where it stands in the text, in bytes, brackets included.
    pub span: Range<usize>,
    /// What it is.
    pub kind: NodeKind,
}

/// What a piece of the text is.
#[derive(Debug, Clone, PartialEq)]
pub enum NodeKind {
    /// The span itself: text with its backslashes, and stray brackets and colons.
    Text,
    /// `(…)` or `(…:…)`: one or two sequences; emphasis will read the brackets.
    Round(Vec<Sequence>),
    /// `[…]`; emphasis will read the brackets.
    Square(Sequence),
    /// `[from:to:when]`. In `[to:when]` nothing comes before.
    Scheduled {
        /// Until then.
        from: Sequence,
        /// From then on.
        to: Sequence,
        /// Then.
        when: When,
    },
    /// `[one|other]`: at each step the next of two or more.
    Alternation(Vec<Sequence>),
}

/// The number of a scheduled change.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum When {
    /// Written with a dot: a share of the pass, 1 to 2 in the second.
    Share(f64),
    /// Written without: a step, counted on through both passes.
    Step(f64),
}

/// The text's tree, or nothing if the grammar does not cover it: a `|` outside of square brackets, a backslash at the
/// end, brackets deeper than [`DEPTH_MAX`]. Such a text is one literal.
pub fn parse(text: &str) -> Option<Sequence> {
    let mut parser = Parser { text, top: Vec::new(), open: Vec::new() };
    let mut letters = text.char_indices();
    while let Some((start, letter)) = letters.next() {
        match letter {
            '(' | '[' if parser.open.len() == DEPTH_MAX => return None,
            '(' | '[' => parser.open.push(Bracket::new(start, letter)),
            ')' | ']' => parser.close(start, letter)?,
            ':' | '|' => parser.separate(start, letter)?,
            '\\' => {
                let (escaped, letter) = letters.next()?;
                parser.text(start..escaped + letter.len_utf8());
            }
            _ => parser.text(start..start + letter.len_utf8()),
        }
    }
    parser.set_free()?;
    Some(parser.top)
}

struct Parser<'a> {
    text: &'a str,
    top: Sequence,
    open: Vec<Bracket>,
}

/// A bracket that is not yet closed.
struct Bracket {
    start: usize,
    letter: char,
    parts: Vec<Sequence>,
    /// What stands between the parts, and where.
    separators: Vec<(usize, char)>,
}

impl Bracket {
    fn new(start: usize, letter: char) -> Self {
        Self { start, letter, parts: vec![Vec::new()], separators: Vec::new() }
    }

    /// What it is when `closing` closes it; itself again if that closes another, or its parts make no group.
    fn group(mut self, text: &str, closing: char) -> Result<NodeKind, Self> {
        let all = |separator| self.separators.iter().all(|&(_, found)| found == separator);
        let when = || self.parts.last().and_then(|part| When::read(text, part));
        match (self.letter, closing, self.separators.len()) {
            ('(', ')', 0 | 1) if all(':') => Ok(NodeKind::Round(self.parts)),
            ('[', ']', 0) => Ok(NodeKind::Square(self.parts.pop().unwrap_or_default())),
            ('[', ']', _) if all('|') => Ok(NodeKind::Alternation(self.parts)),
            ('[', ']', colons @ (1 | 2)) if all(':') => {
                let Some(when) = when() else { return Err(self) };
                let to = std::mem::take(&mut self.parts[colons - 1]);
                let from = if colons == 2 { std::mem::take(&mut self.parts[0]) } else { Vec::new() };
                Ok(NodeKind::Scheduled { from, to, when })
            }
            _ => Err(self),
        }
    }
}

impl When {
    fn read(text: &str, part: &[Node]) -> Option<Self> {
        let [Node { span, kind: NodeKind::Text }] = part else { return None };
        let written = text[span.clone()].trim();
        let number = decimal(written)?;
        Some(if written.contains('.') { Self::Share(number) } else { Self::Step(number) })
    }
}

impl Parser<'_> {
    /// Where the next node goes.
    fn sequence(&mut self) -> &mut Sequence {
        match self.open.last_mut().and_then(|bracket| bracket.parts.last_mut()) {
            Some(part) => part,
            None => &mut self.top,
        }
    }

    /// Text and strays that touch are one node.
    fn text(&mut self, span: Range<usize>) {
        match self.sequence().last_mut() {
            Some(Node { span: last, kind: NodeKind::Text }) => last.end = span.end,
            _ => self.sequence().push(Node { span, kind: NodeKind::Text }),
        }
    }

    fn separate(&mut self, start: usize, letter: char) -> Option<()> {
        match self.open.last_mut() {
            Some(bracket) => {
                bracket.separators.push((start, letter));
                bracket.parts.push(Vec::new());
            }
            None if letter == '|' => return None,
            None => self.text(start..start + 1),
        }
        Some(())
    }

    fn close(&mut self, start: usize, letter: char) -> Option<()> {
        let end = start + 1;
        let Some(bracket) = self.open.pop() else {
            self.text(start..end);
            return Some(());
        };
        let opened = bracket.start;
        match bracket.group(self.text, letter) {
            Ok(kind) => self.sequence().push(Node { span: opened..end, kind }),
            Err(bracket) => {
                self.open.push(bracket);
                self.set_free()?;
                self.text(start..end);
            }
        }
        Some(())
    }

    /// Nothing that is open is a group: brackets and colons become strays at the top, and what is between them stays
    /// what it is. Nothing if a `|` would be a stray.
    fn set_free(&mut self) -> Option<()> {
        for bracket in std::mem::take(&mut self.open) {
            self.text(bracket.start..bracket.start + 1);
            let mut separators = bracket.separators.into_iter();
            for part in bracket.parts {
                for node in part {
                    match node.kind {
                        NodeKind::Text => self.text(node.span),
                        _ => self.top.push(node),
                    }
                }
                match separators.next() {
                    Some((_, '|')) => return None,
                    Some((start, _)) => self.text(start..start + 1),
                    None => {}
                }
            }
        }
        Some(())
    }
}
