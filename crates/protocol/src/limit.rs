//! What a field may hold, as a value: from it come the check, the sentence, the documentation's tables, and whatever else
//! must know (a form, a schema, a generator of requests).

use regex_lite::Regex;
use serde_json::Value;

use crate::parameter::Parameter;

/// A limit on the value of a field. The value has the field's type already; see [`crate::parameter::Kind`].
#[derive(Debug, Clone, PartialEq)]
pub enum Limit {
    /// Any value of the type.
    Anything,
    /// A number from `low` to `high`, both included.
    Range {
        /// Lowest.
        low: f64,
        /// Highest.
        high: f64,
    },
    /// A whole multiple of `of` from `low` to `high`, both included.
    Multiple {
        /// The unit.
        of: u32,
        /// Lowest.
        low: u32,
        /// Highest.
        high: u32,
    },
    /// One of these words, upper and lower case alike, blanks around it or not.
    OneOf {
        /// The words of the documentation.
        words: Vec<&'static str>,
        /// Other spellings that are understood.
        aliases: Vec<&'static str>,
    },
    /// A text of at most `max_chars` characters.
    Length {
        /// Most characters.
        max_chars: usize,
        /// Whether nothing, or nothing but blanks, will do.
        may_be_blank: bool,
    },
    /// A text of a certain form.
    Pattern(&'static Pattern),
    /// An `http://` or `https://` address with a host, of at most `max_chars` characters.
    Url {
        /// Most characters.
        max_chars: usize,
    },
    /// A list of at most `max_items` texts, each of at most `max_chars` characters.
    Items {
        /// Most items.
        max_items: usize,
        /// Most characters of each.
        max_chars: usize,
    },
    /// A list of at most `max_items` objects with these fields, each checked by its own row.
    Objects {
        /// Most items.
        max_items: usize,
        /// The fields of each.
        fields: &'static [Parameter],
    },
    /// JSON that takes at most `max_bytes` as compact text.
    Size {
        /// Most bytes.
        max_bytes: usize,
    },
    /// Only these values work in this version.
    Only {
        /// The values.
        values: Vec<Value>,
        /// What the others would need.
        reason: &'static str,
    },
}

/// The form of a text.
#[derive(Debug, PartialEq, Eq)]
pub struct Pattern {
    /// An anchored regular expression, in the subset that JSON Schema recommends.
    pub regex: &'static str,
    /// Most characters.
    pub max_chars: usize,
    /// Continues "must be …".
    pub words: &'static str,
    /// A text of this form.
    pub example: &'static str,
}

/// From `low` to `high`, both included.
pub fn range(low: impl Into<f64>, high: impl Into<f64>) -> Limit {
    Limit::Range { low: low.into(), high: high.into() }
}

/// A multiple of `of` from `low` to `high`, both included.
pub fn multiple(of: u32, low: u32, high: u32) -> Limit {
    Limit::Multiple { of, low, high }
}

/// A text of at most `max_chars` characters.
pub fn text(max_chars: usize) -> Limit {
    Limit::Length { max_chars, may_be_blank: true }
}

/// A text of at most `max_chars` characters that says something.
pub fn no_blank(max_chars: usize) -> Limit {
    Limit::Length { max_chars, may_be_blank: false }
}

/// An `http(s)` address.
pub fn http_url() -> Limit {
    Limit::Url { max_chars: URL_CHARS_MAX }
}

/// Longest address: twice what browsers and proxies carry, so that no presigned one is cut off.
pub const URL_CHARS_MAX: usize = 4_096;

/// Only these values work in this version; `reason` says what the others would need.
pub fn only<T: Into<Value>>(values: impl IntoIterator<Item = T>, reason: &'static str) -> Limit {
    Limit::Only { values: values.into_iter().map(Into::into).collect(), reason }
}

impl Limit {
    /// Whether `value`, which is of the field's type, lies within the limit.
    pub fn admits(&self, value: &Value) -> bool {
        let characters = |max_chars: usize| value.as_str().is_some_and(|text| has_at_most(text, max_chars));
        match self {
            Self::Anything => true,
            Self::Range { low, high } => value.as_f64().is_some_and(|number| (*low..=*high).contains(&number)),
            Self::Multiple { of, low, high } => value.as_u64().is_some_and(|number| {
                (u64::from(*low)..=u64::from(*high)).contains(&number) && number % u64::from(*of) == 0
            }),
            Self::OneOf { words, aliases } => value
                .as_str()
                .is_some_and(|text| words.iter().chain(aliases).any(|word| word.eq_ignore_ascii_case(text.trim()))),
            Self::Length { max_chars, may_be_blank } => {
                characters(*max_chars) && (*may_be_blank || value.as_str().is_some_and(|text| !text.trim().is_empty()))
            }
            Self::Pattern(pattern) => {
                characters(pattern.max_chars) && value.as_str().is_some_and(|text| pattern.matches(text))
            }
            Self::Url { max_chars } => characters(*max_chars) && value.as_str().is_some_and(is_http_url),
            Self::Items { max_items, max_chars } => value.as_array().is_some_and(|items| {
                let fits = |item: &Value| item.as_str().is_some_and(|text| has_at_most(text, *max_chars));
                items.len() <= *max_items && items.iter().all(fits)
            }),
            Self::Objects { max_items, .. } => value.as_array().is_some_and(|items| items.len() <= *max_items),
            Self::Size { max_bytes } => takes_at_most(value, *max_bytes),
            Self::Only { values, .. } => values.iter().any(|allowed| is_same(allowed, value)),
        }
    }

    /// The words that continue "must be …"; empty when anything goes.
    pub fn words(&self) -> String {
        match self {
            Self::Anything => String::new(),
            Self::Range { low, high } => format!("from {low} to {high}"),
            Self::Multiple { of, low, high } => format!("a multiple of {of} from {low} to {high}"),
            Self::OneOf { words, .. } => format!("one of {}", words.join(", ")),
            Self::Length { max_chars, may_be_blank } => {
                let not_blank = if *may_be_blank { "" } else { " that is not blank" };
                format!("a text of at most {max_chars} characters{not_blank}")
            }
            Self::Pattern(pattern) => pattern.words.to_owned(),
            Self::Url { max_chars } => {
                format!("a URL of at most {max_chars} characters that begins with http:// or https://")
            }
            Self::Items { max_items, max_chars } => {
                format!("a list of at most {max_items} texts of at most {max_chars} characters")
            }
            Self::Objects { max_items, .. } => format!("a list of at most {max_items} objects"),
            Self::Size { max_bytes } => format!("JSON of at most {max_bytes} bytes"),
            Self::Only { values, reason } => {
                let values: Vec<String> = values.iter().map(ToString::to_string).collect();
                format!("{} ({reason})", values.join(" or "))
            }
        }
    }
}

impl Pattern {
    fn matches(&self, text: &str) -> bool {
        // The expressions are constants of this crate, and a test compiles each.
        Regex::new(self.regex).is_ok_and(|regex| regex.is_match(text))
    }
}

/// Counts no further than it must.
fn has_at_most(text: &str, max_chars: usize) -> bool {
    text.chars().nth(max_chars).is_none()
}

/// `1` and `1.0` are one number.
fn is_same(allowed: &Value, value: &Value) -> bool {
    match (allowed.as_f64(), value.as_f64()) {
        (Some(allowed), Some(number)) => allowed == number,
        _ => allowed == value,
    }
}

/// True for `http(s)://host…`; whether the host may be asked is decided where the download happens.
pub fn is_http_url(text: &str) -> bool {
    let rest = text.strip_prefix("http://").or_else(|| text.strip_prefix("https://"));
    rest.is_some_and(|rest| !rest.is_empty() && !rest.starts_with('/') && !text.contains(char::is_whitespace))
}

/// Measures without keeping the text.
fn takes_at_most(value: &Value, max_bytes: usize) -> bool {
    struct Meter(usize);
    impl std::io::Write for Meter {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0 = self.0.checked_sub(bytes.len()).ok_or(std::io::ErrorKind::WriteZero)?;
            Ok(bytes.len())
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }
    serde_json::to_writer(Meter(max_bytes), value).is_ok()
}
