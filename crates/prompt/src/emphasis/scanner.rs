//! A text's brackets, backslashes and weights, one after the other.

use crate::number::decimal;

/// A piece of the text that means something.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Token<'a> {
    /// Text.
    Literal(&'a str),
    /// `(`
    OpenRound,
    /// `[`
    OpenSquare,
    /// `)`, or `: 1.3 )` with its number; as written, in case nothing is open.
    CloseRound(Option<f64>, &'a str),
    /// `]`
    CloseSquare,
}

/// Reads on from where the last token ended.
pub(super) struct Scanner<'a> {
    pub(super) rest: &'a str,
}

impl<'a> Iterator for Scanner<'a> {
    type Item = Token<'a>;

    fn next(&mut self) -> Option<Token<'a>> {
        // Any other backslash is dropped, and what follows it is read as if there were none.
        while let Some(escaped) = self.rest.strip_prefix('\\') {
            self.rest = escaped;
            if escaped.starts_with(['(', ')', '[', ']', '\\']) {
                return Some(Token::Literal(self.take(1)));
            }
        }
        Some(match self.rest.chars().next()? {
            '(' => self.bracket(Token::OpenRound),
            '[' => self.bracket(Token::OpenSquare),
            ']' => self.bracket(Token::CloseSquare),
            ')' => Token::CloseRound(None, self.take(1)),
            ':' => match weighted_close(self.rest) {
                Some((weight, length)) => Token::CloseRound(Some(weight), self.take(length)),
                None => Token::Literal(self.take(1)),
            },
            _ => {
                let length = self.rest.find(['\\', '(', ')', '[', ']', ':']).unwrap_or(self.rest.len());
                Token::Literal(self.take(length))
            }
        })
    }
}

impl<'a> Scanner<'a> {
    fn take(&mut self, length: usize) -> &'a str {
        let (taken, rest) = self.rest.split_at(length);
        self.rest = rest;
        taken
    }

    fn bracket(&mut self, token: Token<'a>) -> Token<'a> {
        self.take(1);
        token
    }
}

/// The number and the length of `: 1.3 )` at the beginning of `text`. With what looks like a number and is none, as
/// `1..2`, the colon is text and the bracket closes as others do.
fn weighted_close(text: &str) -> Option<(f64, usize)> {
    let inside = text.strip_prefix(':')?;
    let written = inside.trim_start();
    let sign = usize::from(written.starts_with(['-', '+']));
    let digits = written[sign..].find(|letter: char| !letter.is_ascii_digit() && letter != '.')?;
    let (number, rest) = written.split_at(sign + digits);
    let rest = rest.trim_start().strip_prefix(')')?;
    Some((decimal(number)?, text.len() - rest.len()))
}
