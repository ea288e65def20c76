//! The Rust types of request fields, and the sentence a user reads when a value does not fit.

use names::Name;
use serde_json::Value;

use crate::limit::Limit;
use crate::parameter::{Kind, Secrecy};
use crate::secret::{STARS, Secret, SecretUrl, without_secrets};

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
    /// The body has more values in it than any request needs.
    #[error(
        "The body has more than {max} JSON values; a request of this endpoint needs far fewer, put data behind data_url."
    )]
    TooManyValues {
        /// Most values: numbers, texts, lists, objects and their keys.
        max: usize,
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
    /// The kind of JSON it reads.
    const KIND: Kind;
    /// Whether null is a value of its own.
    const NULLABLE: bool = false;
    /// How much of a value may be shown.
    const SECRECY: Secrecy = Secrecy::Open;

    /// What the type itself allows, where the declaration says no more.
    fn limit() -> Limit {
        Limit::Anything
    }

    /// From the form that [`Kind::read`] gives; `None` when it does not fit.
    fn from_json(value: Value) -> Option<Self>;

    /// As a default stands in the tables.
    fn to_json(&self) -> Value;

    /// What an explicit null stands for; `None` when null is the same as leaving the field out.
    fn null() -> Option<Self> {
        None
    }
}

impl FromJson for bool {
    const KIND: Kind = Kind::Boolean;

    fn from_json(value: Value) -> Option<Self> {
        value.as_bool()
    }

    fn to_json(&self) -> Value {
        (*self).into()
    }
}

impl FromJson for i64 {
    const KIND: Kind = Kind::Integer;

    fn from_json(value: Value) -> Option<Self> {
        value.as_i64()
    }

    fn to_json(&self) -> Value {
        (*self).into()
    }
}

impl FromJson for u32 {
    const KIND: Kind = Kind::Integer;

    fn limit() -> Limit {
        crate::limit::range(0, u32::MAX)
    }

    fn from_json(value: Value) -> Option<Self> {
        value.as_i64()?.try_into().ok()
    }

    fn to_json(&self) -> Value {
        (*self).into()
    }
}

impl FromJson for f64 {
    const KIND: Kind = Kind::Number;

    fn from_json(value: Value) -> Option<Self> {
        value.as_f64()
    }

    fn to_json(&self) -> Value {
        (*self).into()
    }
}

impl FromJson for String {
    const KIND: Kind = Kind::Text;

    fn from_json(value: Value) -> Option<Self> {
        match value {
            Value::String(text) => Some(text),
            _ => None,
        }
    }

    fn to_json(&self) -> Value {
        self.as_str().into()
    }
}

impl FromJson for Secret {
    const KIND: Kind = Kind::Text;
    const SECRECY: Secrecy = Secrecy::Whole;

    fn from_json(value: Value) -> Option<Self> {
        String::from_json(value).map(Self::new)
    }

    fn to_json(&self) -> Value {
        STARS.into()
    }
}

impl FromJson for SecretUrl {
    const KIND: Kind = Kind::Text;
    const SECRECY: Secrecy = Secrecy::Query;

    fn limit() -> Limit {
        crate::limit::http_url()
    }

    fn from_json(value: Value) -> Option<Self> {
        String::from_json(value).map(Self::new)
    }

    fn to_json(&self) -> Value {
        self.to_string().into()
    }
}

impl FromJson for Vec<String> {
    const KIND: Kind = Kind::Texts;

    fn from_json(value: Value) -> Option<Self> {
        match value {
            Value::Array(items) => items.into_iter().map(String::from_json).collect(),
            _ => None,
        }
    }

    fn to_json(&self) -> Value {
        self.as_slice().into()
    }
}

impl FromJson for Value {
    const KIND: Kind = Kind::Json;

    fn from_json(value: Value) -> Option<Self> {
        Some(value)
    }

    fn to_json(&self) -> Value {
        self.clone()
    }
}

impl<T: FromJson> FromJson for Option<T> {
    const KIND: Kind = T::KIND;
    const NULLABLE: bool = true;
    const SECRECY: Secrecy = T::SECRECY;

    fn limit() -> Limit {
        T::limit()
    }

    fn from_json(value: Value) -> Option<Self> {
        if value.is_null() { Some(None) } else { T::from_json(value).map(Some) }
    }

    fn to_json(&self) -> Value {
        self.as_ref().map_or(Value::Null, T::to_json)
    }

    fn null() -> Option<Self> {
        Some(None)
    }
}

/// Makes closed lists of names types of request fields.
macro_rules! named_fields {
    ($($name:ty),+) => {$(
        impl $crate::value::FromJson for $name {
            const KIND: $crate::parameter::Kind = $crate::parameter::Kind::Text;

            fn limit() -> $crate::limit::Limit {
                $crate::value::one_of::<$name>()
            }

            fn from_json(value: serde_json::Value) -> Option<Self> {
                <$name as names::Name>::find(value.as_str()?.trim())
            }

            fn to_json(&self) -> serde_json::Value {
                self.as_str().into()
            }
        }
    )+};
}

pub(crate) use named_fields;

/// The words of a closed list as a limit.
pub(crate) fn one_of<N: Name>() -> Limit {
    Limit::OneOf {
        words: N::ALL.iter().map(|name| name.as_str()).collect(),
        aliases: N::ALL.iter().flat_map(|name| name.aliases()).copied().collect(),
    }
}

/// Names a value in an error sentence: its kind and, unless it is secret, a shortened text of it. Of lists and objects
/// only the kind is named, because a token may stand inside.
pub(crate) fn describe(value: &Value, secrecy: Secrecy) -> String {
    match value {
        Value::Null => "null".into(),
        _ if secrecy == Secrecy::Whole => "a value that is not shown".into(),
        Value::Bool(flag) => flag.to_string(),
        Value::Number(number) => number.to_string(),
        Value::String(text) if secrecy == Secrecy::Query => {
            format!("the text \"{}\"", shortened(&without_secrets(text)))
        }
        Value::String(text) => format!("the text \"{}\"", shortened(text)),
        Value::Array(_) => "a list".into(),
        Value::Object(_) => "an object".into(),
    }
}

/// The beginning of a user's text, so that a sentence stays a sentence.
pub(crate) fn shortened(text: &str) -> String {
    /// Longest piece of a user's value that an error repeats.
    const SHOWN_CHARS: usize = 60;
    let mut shown: String = text.chars().take(SHOWN_CHARS).collect();
    if shown.len() < text.len() {
        shown.push('…');
    }
    shown
}
