//! One declaration per request field: `parameters!` turns it into the struct, the parser with its
//! limits, the defaults and the rows of the documentation's tables.

use std::fmt::Display;

use serde_json::{Map, Value};

use crate::value::{FromJson, RequestError, describe};

/// One row of a parameter table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Parameter {
    /// The key in the request.
    pub name: &'static str,
    /// Other spellings that are accepted.
    pub aliases: &'static [&'static str],
    /// `integer`, `number`, `string`, `boolean`, …
    pub kind: &'static str,
    /// The default as JSON; `None` when the field is required.
    pub default: Option<String>,
    /// The limits in words; empty when there are none.
    pub limits: String,
    /// What the field is for.
    pub doc: String,
}

/// The rows as the README's Markdown table.
pub fn markdown_table(rows: &[Parameter]) -> String {
    let mut table = String::from("| name | type | default | must be | meaning |\n|---|---|---|---|---|\n");
    for row in rows {
        let default = row.default.as_ref().map_or_else(|| "required".to_owned(), |default| format!("`{default}`"));
        let aliases: String = row.aliases.iter().map(|alias| format!(", `{alias}`")).collect();
        table += &format!("| `{}`{aliases} | {} | {default} | {} | {} |\n", row.name, row.kind, row.limits, row.doc);
    }
    table
}

/// A limit on a value: its words and its test.
pub struct Check<T> {
    words: String,
    test: Box<dyn Fn(&T) -> bool>,
}

impl<T> std::fmt::Debug for Check<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Check").field("words", &self.words).finish_non_exhaustive()
    }
}

impl<T> Check<T> {
    /// A limit from the words that continue "must be …" and its test.
    pub fn new(words: impl Into<String>, test: impl Fn(&T) -> bool + 'static) -> Self {
        Self { words: words.into(), test: Box::new(test) }
    }

    /// The words that continue "must be …"; empty when anything goes.
    pub fn words(&self) -> &str {
        &self.words
    }
}

/// The limits of a field in words: its check's, or the list of values its type knows.
pub fn limits<T: FromJson>(check: &Check<T>) -> String {
    if check.words.is_empty() && T::CLOSED { T::expected() } else { check.words.clone() }
}

/// Every value of the type is fine.
pub fn anything<T>() -> Check<T> {
    Check::new("", |_| true)
}

/// From `low` to `high`, both included.
pub fn range<T: PartialOrd + Display + Copy + 'static>(low: T, high: T) -> Check<T> {
    Check::new(format!("from {low} to {high}"), move |value| (low..=high).contains(value))
}

/// A multiple of `unit` from `low` to `high`, both included.
pub fn multiple(unit: u32, low: u32, high: u32) -> Check<u32> {
    Check::new(format!("a multiple of {unit} from {low} to {high}"), move |value| {
        value % unit == 0 && (low..=high).contains(value)
    })
}

/// Only one value works in this version; `reason` says what the others would need.
pub fn only<T: PartialEq + std::fmt::Debug + 'static>(value: T, reason: &str) -> Check<T> {
    Check::new(format!("{value:?} ({reason})"), move |given| *given == value)
}

/// Null, or a value within the inner limit.
pub fn if_given<T: 'static>(inner: Check<T>) -> Check<Option<T>> {
    Check::new(inner.words.clone(), move |value: &Option<T>| value.as_ref().is_none_or(|value| (inner.test)(value)))
}

/// An `http://` or `https://` address with a host.
pub fn http_url() -> Check<String> {
    Check::new("a URL that begins with http:// or https://", |text: &String| is_http_url(text))
}

/// True for `http(s)://host…`; whether the host may be asked is decided where the download happens.
pub(crate) fn is_http_url(text: &str) -> bool {
    let rest = text.strip_prefix("http://").or_else(|| text.strip_prefix("https://"));
    rest.is_some_and(|rest| !rest.is_empty() && !rest.starts_with('/') && !text.contains(char::is_whitespace))
}

/// The default that stands in for an absent field.
pub fn or<T>(default: T) -> Option<T> {
    Some(default)
}

/// Marks a field that must be sent.
pub fn required<T>() -> Option<T> {
    None
}

/// Reads one field and removes it from `fields`. Null counts as absent, except where it is a value of the type.
///
/// # Errors
/// When the field is required and absent, has another type, or lies outside its limit.
pub fn take<T: FromJson>(
    fields: &mut Map<String, Value>,
    path: &str,
    names: &[&str],
    default: Option<T>,
    check: &Check<T>,
) -> Result<T, RequestError> {
    let expected = || if check.words.is_empty() { T::expected() } else { check.words.clone() };
    let mut given = None;
    let mut null = None;
    for name in names {
        match fields.shift_remove(*name) {
            Some(Value::Null) => null = T::null(),
            Some(value) => given = given.or(Some((*name, value))),
            None => {}
        }
    }
    let Some((name, value)) = given else {
        return null
            .or(default)
            .ok_or_else(|| RequestError::Missing { path: format!("{path}.{}", names[0]), expected: expected() });
    };
    let wrong =
        |expected| RequestError::Wrong { path: format!("{path}.{name}"), found: describe(&value, T::SECRET), expected };
    let parsed = T::from_json(&value).ok_or_else(|| wrong(T::expected()))?;
    if (check.test)(&parsed) { Ok(parsed) } else { Err(wrong(expected())) }
}

/// Refuses whatever keys are left after all fields were taken, with the nearest known name as the remedy.
///
/// # Errors
/// When `fields` is not empty.
pub fn refuse_unknown(fields: &Map<String, Value>, path: &str, known: &[&str]) -> Result<(), RequestError> {
    let Some(key) = fields.keys().next() else { return Ok(()) };
    let nearest = known.iter().map(|name| (edit_distance(key, name), name)).min();
    let remedy = match nearest {
        Some((distance, name)) if distance <= 3 => format!("perhaps {name} was meant"),
        _ => format!("known are {}", known.join(", ")),
    };
    Err(RequestError::Unknown { path: format!("{path}.{key}"), remedy })
}

/// Levenshtein distance in characters.
fn edit_distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, ca) in a.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, cb) in b.iter().enumerate() {
            let above = row[j + 1];
            row[j + 1] = (diagonal + usize::from(ca != *cb)).min(above + 1).min(row[j] + 1);
            diagonal = above;
        }
    }
    row[b.len()]
}

/// Takes a JSON object apart.
///
/// # Errors
/// When the value is something else.
pub fn object(value: &Value, path: &str, expected: &str) -> Result<Map<String, Value>, RequestError> {
    value.as_object().cloned().ok_or_else(|| RequestError::Wrong {
        path: path.into(),
        found: describe(value, false),
        expected: expected.into(),
    })
}

/// Declares a request object. Each field: doc comment, name (and accepted aliases), type, default, limit.
///
/// ```text
/// parameters! {
///     /// What the object is.
///     pub struct TrainParams {
///         /// What the field is for.
///         text_steps ["text_step"]: u32 = or(350), range(0, 20_000);
///     }
/// }
/// ```
macro_rules! parameters {
    (
        $(#[$meta:meta])*
        pub struct $name:ident {
            $(
                $(#[doc = $doc:literal])+
                $field:ident $([$($alias:literal),+])? : $ty:ty = $default:expr, $check:expr;
            )+
        }
    ) => {
        $(#[$meta])*
        #[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
        pub struct $name {
            $( $(#[doc = $doc])+ pub $field: $ty, )+
        }

        impl $name {
            /// Reads the object that stands at `path` of a request; the result cannot be out of its limits any more.
            ///
            /// # Errors
            /// One sentence that names the first field that is missing, unknown, of another type or out of its limits.
            pub fn parse(value: &serde_json::Value, path: &str) -> Result<Self, $crate::value::RequestError> {
                use $crate::parameter::*;
                let mut fields = object(value, path, "an object")?;
                let parsed = Self {
                    $( $field: take(
                        &mut fields, path, &[stringify!($field) $($(, $alias)+)?], $default, &$check,
                    )?, )+
                };
                refuse_unknown(&fields, path, &[$(stringify!($field)),+])?;
                Ok(parsed)
            }

            /// The table of fields, in the order of declaration.
            pub fn table() -> Vec<$crate::parameter::Parameter> {
                use $crate::parameter::*;
                vec![$({
                    let default: Option<$ty> = $default;
                    let check: Check<$ty> = $check;
                    Parameter {
                        name: stringify!($field),
                        aliases: &[$($($alias),+)?],
                        kind: <$ty as $crate::value::FromJson>::TYPE,
                        default: default.map(|value| serde_json::json!(value).to_string()),
                        limits: limits(&check),
                        doc: [$($doc.trim()),+].join(" "),
                    }
                }),+]
            }
        }
    };
}

pub(crate) use parameters;
