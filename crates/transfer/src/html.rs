//! As much of HTML as it takes to find a title, a link and a form in a page that a file host shows instead of a file.

/// Longest text of a page that a message repeats.
const SHOWN_CHARS: usize = 120;

/// A tag that opens an element.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Tag<'a> {
    /// In the page's own spelling.
    pub(crate) name: &'a str,
    /// What stands between the name and `>`.
    attributes: &'a str,
    /// The page behind the tag.
    pub(crate) behind: &'a str,
}

impl Tag<'_> {
    /// The value of an attribute, with its character references resolved.
    pub(crate) fn attribute(&self, wanted: &str) -> Option<String> {
        let mut rest = self.attributes;
        loop {
            let (name, behind) = rest.split_once('=')?;
            let (value, behind) = attribute_value(behind.trim_start());
            // Attributes without a value may stand before the name.
            if name.split_whitespace().last().is_some_and(|name| name.eq_ignore_ascii_case(wanted)) {
                return Some(resolved(value));
            }
            rest = behind;
        }
    }
}

/// The value at the beginning of `text`, in quotes or not, and what stands behind it.
fn attribute_value(text: &str) -> (&str, &str) {
    match text.chars().next().filter(|first| ['"', '\''].contains(first)) {
        Some(quote) => text[1..].split_once(quote).unwrap_or((&text[1..], "")),
        None => text.split_once(char::is_whitespace).unwrap_or((text, "")),
    }
}

/// Every opening tag of a page, in order.
pub(crate) fn tags(page: &str) -> impl Iterator<Item = Tag<'_>> {
    page.match_indices('<').filter_map(|(at, _)| {
        let inside = &page[at + 1..];
        let name_end = inside.find(|c: char| !c.is_ascii_alphanumeric())?;
        let (name, rest) = inside.split_at(name_end);
        let end = tag_end(rest)?;
        (!name.is_empty()).then_some(Tag { name, attributes: &rest[..end], behind: &rest[end + 1..] })
    })
}

/// Where the tag's `>` stands; those in quotes are part of values.
fn tag_end(rest: &str) -> Option<usize> {
    let mut quote = None;
    rest.char_indices().find_map(|(at, c)| {
        match (quote, c) {
            (None, '>') => return Some(at),
            (None, '"' | '\'') => quote = Some(c),
            (Some(open), c) if open == c => quote = None,
            _ => {}
        }
        None
    })
}

/// The page's title, fit for a sentence.
pub(crate) fn title(page: &str) -> Option<String> {
    let tag = tags(page).find(|tag| tag.name.eq_ignore_ascii_case("title"))?;
    text(tag.behind)
}

/// The text up to the next tag, fit for a sentence: on one line, without quotes, of bounded length.
pub(crate) fn text(behind: &str) -> Option<String> {
    let text = resolved(behind.split('<').next().unwrap_or_default());
    let words: Vec<&str> =
        text.split(|c: char| c.is_whitespace() || c.is_control()).filter(|w| !w.is_empty()).collect();
    let line: String = words.join(" ").replace('"', "'").chars().take(SHOWN_CHARS).collect();
    (!line.is_empty()).then_some(line)
}

/// Character references of the five characters that need them.
fn resolved(text: &str) -> String {
    let references = [("&lt;", "<"), ("&gt;", ">"), ("&quot;", "\""), ("&#39;", "'"), ("&amp;", "&")];
    references.iter().fold(text.to_owned(), |text, (reference, character)| text.replace(reference, character))
}
