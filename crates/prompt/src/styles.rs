//! Styles: pieces of text with a name, kept in a table, that are put around prompts.

use serde::{Deserialize, Serialize};

/// Where a style's text takes the prompt in.
const PLACEHOLDER: &str = "{prompt}";
/// Before UTF-8, where some editors write it.
const BYTE_ORDER_MARK: char = '\u{feff}';

/// One style.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Style {
    /// What requests call it.
    pub name: String,
    /// Goes around or behind the prompt.
    pub prompt: String,
    /// Goes around or behind the negative prompt.
    pub negative_prompt: String,
}

/// A table of styles in its order.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Styles(Vec<Style>);

/// A table that is not one of styles.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StylesError {
    /// The columns have no names that say what is what.
    #[error("the styles' first line has no column {0:?}; it should be `name,prompt,negative_prompt`")]
    NoColumn(&'static str),
    /// No CSV.
    #[error(
        "the styles are no CSV: {0}; each line should be `name,prompt,negative_prompt`, texts with commas in quotes"
    )]
    NoCsv(String),
}

impl Styles {
    /// Reads a CSV text, with or without byte order mark, whose first line names the columns `name`, `prompt` (in old
    /// tables `text`) and `negative_prompt`. Absent texts are empty; nameless lines are left out.
    ///
    /// # Errors
    ///
    /// If the columns for name or prompt are absent, or the text is no CSV.
    pub fn read(csv: &str) -> Result<Self, StylesError> {
        let csv = csv.strip_prefix(BYTE_ORDER_MARK).unwrap_or(csv);
        let mut table = csv::ReaderBuilder::new().flexible(true).from_reader(csv.as_bytes());
        let no_csv = |error: csv::Error| StylesError::NoCsv(error.to_string());
        let columns = table.headers().map_err(no_csv)?.clone();
        if columns.is_empty() {
            return Ok(Self::default());
        }
        let column = |name| columns.iter().position(|column| column == name);
        let name = column("name").ok_or(StylesError::NoColumn("name"))?;
        let prompt = column("prompt").or_else(|| column("text")).ok_or(StylesError::NoColumn("prompt"))?;
        let negative_prompt = column("negative_prompt");

        let mut styles = Vec::new();
        for row in table.into_records() {
            let row = row.map_err(no_csv)?;
            let field =
                |column: Option<usize>| column.and_then(|column| row.get(column)).unwrap_or_default().to_owned();
            styles.push(Style {
                name: field(Some(name)),
                prompt: field(Some(prompt)),
                negative_prompt: field(negative_prompt),
            });
        }
        styles.retain(|style| !style.name.is_empty());
        Ok(Self(styles))
    }

    /// Every style, in the table's order.
    pub fn iter(&self) -> impl Iterator<Item = &Style> {
        self.0.iter()
    }

    /// The styles of these names, in the names' order. Unknown names are ignored; of two styles of one name the later
    /// counts.
    pub fn named<N: AsRef<str>>(&self, names: impl IntoIterator<Item = N>) -> Vec<Style> {
        let find = |name: N| self.0.iter().rev().find(|style| style.name == name.as_ref()).cloned();
        names.into_iter().filter_map(find).collect()
    }
}

/// `prompt` with one style's text: put in where that says `{prompt}`, everywhere it does; otherwise both are trimmed
/// and joined by a comma, an empty one dropped. So a style without text still trims the prompt.
///
/// ```
/// assert_eq!(prompt::styles::apply("a cat", "oil, {prompt}, old"), "oil, a cat, old");
/// assert_eq!(prompt::styles::apply(" a cat ", "oil"), "a cat, oil");
/// ```
pub fn apply(prompt: &str, style: &str) -> String {
    if style.contains(PLACEHOLDER) {
        return style.replace(PLACEHOLDER, prompt);
    }
    let pieces = [prompt.trim(), style.trim()];
    pieces.into_iter().filter(|piece| !piece.is_empty()).collect::<Vec<_>>().join(", ")
}
