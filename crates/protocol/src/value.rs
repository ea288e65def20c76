//! How a JSON value becomes a Rust one, and the sentence a user reads when it cannot.

use serde_json::Value;

use crate::Secret;

/// Why a request was refused. `Display` is one sentence that names the field, the value and the remedy.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RequestError {
    /// The body is not JSON at all.
    #[error("The body is not valid JSON ({reason}); send a JSON object with the key \"input\".")]
    NotJson {
        /// What the JSON parser said.
        reason: String,
    },
    /// A required field is absent.
    #[error("{path} is missing; it must be {expected}.")]
    Missing {
        /// Dotted path from the body's root.
        path: String,
        /// What belongs there.
        expected: String,
    },
    /// A field has a wrong type or lies outside its limits.
    #[error("{path} is {found}, but must be {expected}.")]
    Wrong {
        /// Dotted path from the body's root.
        path: String,
        /// The value found, shortened; never a secret.
        found: String,
        /// What belongs there.
        expected: String,
    },
    /// A key that no field has.
    #[error("{path} is not a known parameter; {remedy}.")]
    Unknown {
        /// Dotted path from the body's root.
        path: String,
        /// The nearest known name, or the list of names.
        remedy: String,
    },
    /// Two fields exclude each other.
    #[error("{0}")]
    Conflict(String),
}

/// A type that a request field can have.
pub trait FromJson: Sized {
    /// The type's name in the tables of the documentation.
    const TYPE: &'static str;
    /// True when no message may show the value.
    const SECRET: bool = false;
    /// True when [`FromJson::expected`] names every value there is.
    const CLOSED: bool = false;

    /// What a user must send, as it continues "must be …".
    fn expected() -> String;

    /// Reads the value; `None` when it does not fit.
    fn from_json(value: &Value) -> Option<Self>;

    /// What an explicit null stands for; `None` when null is the same as leaving the field out.
    fn null() -> Option<Self> {
        None
    }
}

impl FromJson for bool {
    const TYPE: &'static str = "boolean";

    fn expected() -> String {
        "true or false".into()
    }

    fn from_json(value: &Value) -> Option<Self> {
        value.as_bool()
    }
}

/// Reads a whole number; `20.0` and `"20"` count as 20, because clients of the original endpoint send both.
fn whole_number(value: &Value) -> Option<i64> {
    match value {
        Value::Number(number) => number.as_i64().or_else(|| {
            let float = number.as_f64()?;
            // 2^53: beyond it a float no longer names one whole number.
            (float.fract() == 0.0 && float.abs() <= 9_007_199_254_740_992.0).then_some(float as i64)
        }),
        Value::String(text) => text.trim().parse().ok(),
        Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => None,
    }
}

impl FromJson for i64 {
    const TYPE: &'static str = "integer";

    fn expected() -> String {
        "a whole number".into()
    }

    fn from_json(value: &Value) -> Option<Self> {
        whole_number(value)
    }
}

impl FromJson for u32 {
    const TYPE: &'static str = "integer";

    fn expected() -> String {
        "a whole number, 0 or more".into()
    }

    fn from_json(value: &Value) -> Option<Self> {
        whole_number(value)?.try_into().ok()
    }
}

impl FromJson for f64 {
    const TYPE: &'static str = "number";

    fn expected() -> String {
        "a number".into()
    }

    fn from_json(value: &Value) -> Option<Self> {
        let number = match value {
            Value::Number(number) => number.as_f64()?,
            Value::String(text) => text.trim().parse().ok()?,
            Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => return None,
        };
        number.is_finite().then_some(number)
    }
}

impl FromJson for String {
    const TYPE: &'static str = "string";

    fn expected() -> String {
        "a text".into()
    }

    fn from_json(value: &Value) -> Option<Self> {
        value.as_str().map(Self::from)
    }
}

impl FromJson for Secret {
    const TYPE: &'static str = "string";
    const SECRET: bool = true;

    fn expected() -> String {
        "a text".into()
    }

    fn from_json(value: &Value) -> Option<Self> {
        value.as_str().map(Self::new)
    }
}

impl FromJson for Vec<String> {
    const TYPE: &'static str = "array of strings";

    fn expected() -> String {
        "a list of texts".into()
    }

    fn from_json(value: &Value) -> Option<Self> {
        value.as_array()?.iter().map(String::from_json).collect()
    }
}

impl FromJson for Value {
    const TYPE: &'static str = "any";

    fn expected() -> String {
        "any JSON value".into()
    }

    fn from_json(value: &Value) -> Option<Self> {
        Some(value.clone())
    }
}

impl<T: FromJson> FromJson for Option<T> {
    const TYPE: &'static str = T::TYPE;
    const SECRET: bool = T::SECRET;
    const CLOSED: bool = T::CLOSED;

    fn expected() -> String {
        format!("{} or null", T::expected())
    }

    /// An empty text counts as null where no name is empty, as the web UI reads its names.
    fn from_json(value: &Value) -> Option<Self> {
        if T::CLOSED && value == "" { Some(None) } else { T::from_json(value).map(Some) }
    }

    fn null() -> Option<Self> {
        Some(None)
    }
}

/// Names a value in an error sentence: its kind and, unless it is secret, a shortened text of it. Of lists and objects
/// only the kind is named, because a token may stand inside.
pub(crate) fn describe(value: &Value, secret: bool) -> String {
    /// Longest piece of a user's value that an error repeats, so that a sentence stays a sentence.
    const SHOWN_CHARS: usize = 60;
    let shorten = |text: String| {
        if text.chars().count() > SHOWN_CHARS {
            text.chars().take(SHOWN_CHARS).chain("…".chars()).collect()
        } else {
            text
        }
    };
    match value {
        Value::Null => "null".into(),
        _ if secret => "a value that is not shown".into(),
        Value::Bool(flag) => flag.to_string(),
        Value::Number(number) => number.to_string(),
        Value::String(text) => format!("the text \"{}\"", shorten(text.clone())),
        Value::Array(_) => "a list".into(),
        Value::Object(_) => "an object".into(),
    }
}
