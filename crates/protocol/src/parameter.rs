//! One declaration per request field: `parameters!` turns it into the struct, the parser, and the row of data from which
//! everything else is derived.

use serde_json::{Map, Value};

use crate::limit::Limit;
use crate::value::{FromJson, RequestError, describe, shortened};

/// Everything that is known of a request field.
#[derive(Debug, Clone, PartialEq)]
pub struct Parameter {
    /// The key in the request.
    pub name: &'static str,
    /// Other spellings that are accepted.
    pub aliases: &'static [&'static str],
    /// The type of its values.
    pub kind: Kind,
    /// Whether null is a value of its own, and not the same as leaving the field out.
    pub nullable: bool,
    /// What stands in for an absent field; `None` when the field is required.
    pub default: Option<Value>,
    /// What its values may be.
    pub limit: Limit,
    /// How much of a value may be shown.
    pub secrecy: Secrecy,
    /// What the field is for.
    pub doc: String,
}

/// The types of fields.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// true or false.
    Boolean,
    /// A whole number.
    Integer,
    /// A finite number.
    Number,
    /// A text.
    Text,
    /// A list of texts.
    Texts,
    /// A list of objects.
    Objects,
    /// Any JSON.
    Json,
}

/// How much of a field's value may be shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Secrecy {
    /// All of it.
    Open,
    /// An address without its query and credentials.
    Query,
    /// Nothing.
    Whole,
}

impl Kind {
    /// The type's name in the tables of the documentation.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Boolean => "boolean",
            Self::Integer => "integer",
            Self::Number => "number",
            Self::Text => "string",
            Self::Texts => "array of strings",
            Self::Objects => "array of objects",
            Self::Json => "any",
        }
    }

    /// What a user must send, as it continues "must be …".
    fn words(self) -> &'static str {
        match self {
            Self::Boolean => "true or false",
            Self::Integer => "a whole number",
            Self::Number => "a number",
            Self::Text => "a text",
            Self::Texts => "a list of texts",
            Self::Objects => "a list of objects",
            Self::Json => "any JSON value",
        }
    }

    /// The value in the one form in which limits are checked; `None` when it is of another type. Numbers may be written as
    /// texts, and whole ones with a point, because clients of the original endpoint send both.
    pub fn read(self, value: &Value) -> Option<Value> {
        match self {
            Self::Boolean => value.is_boolean().then(|| value.clone()),
            Self::Integer => whole_number(value).map(Value::from),
            Self::Number => number(value).map(Value::from),
            Self::Text => value.is_string().then(|| value.clone()),
            Self::Texts => value.as_array()?.iter().all(Value::is_string).then(|| value.clone()),
            Self::Objects => value.as_array()?.iter().all(Value::is_object).then(|| value.clone()),
            Self::Json => Some(value.clone()),
        }
    }
}

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

fn number(value: &Value) -> Option<f64> {
    let number: f64 = match value {
        Value::Number(number) => number.as_f64()?,
        Value::String(text) => text.trim().parse().ok()?,
        Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => return None,
    };
    number.is_finite().then_some(number)
}

impl Parameter {
    /// A field of type `T`.
    pub(crate) fn of<T: FromJson>(
        name: &'static str,
        aliases: &'static [&'static str],
        default: Option<&T>,
        limit: Limit,
        doc: String,
    ) -> Self {
        Self {
            name,
            aliases,
            kind: T::KIND,
            nullable: T::NULLABLE,
            default: default.map(T::to_json),
            limit: if limit == Limit::Anything { T::limit() } else { limit },
            secrecy: T::SECRECY,
            doc,
        }
    }

    /// The words that continue "must be …": type, limits, and null where it is a value.
    pub fn expected(&self) -> String {
        let limit = self.limit.words();
        let words = match (&self.limit, self.kind) {
            (Limit::Anything, kind) => kind.words().to_owned(),
            (Limit::Range { .. }, kind) => format!("{} {limit}", kind.words()),
            _ => limit,
        };
        if self.nullable { format!("{words} or null") } else { words }
    }

    /// Reads one value that was sent for this field under `path`: of the type and within the limits, in the one form of its
    /// type.
    ///
    /// # Errors
    /// When it is not.
    pub fn read(&self, value: &Value, path: &str) -> Result<Value, RequestError> {
        // An empty text counts as null where no name is empty, as the web UI reads its names.
        if self.nullable && matches!(self.limit, Limit::OneOf { .. }) && value == "" {
            return Ok(Value::Null);
        }
        self.kind.read(value).filter(|value| self.limit.admits(value)).ok_or_else(|| RequestError::Wrong {
            path: path.into(),
            found: describe(value, self.secrecy),
            expected: self.expected(),
        })
    }
}

/// The rows as the README's Markdown table.
pub fn markdown_table(rows: &[Parameter]) -> String {
    let mut table = String::from("| name | type | default | must be | meaning |\n|---|---|---|---|---|\n");
    for row in rows {
        let default = row.default.as_ref().map_or_else(|| "required".to_owned(), |default| format!("`{default}`"));
        let aliases: String = row.aliases.iter().map(|alias| format!(", `{alias}`")).collect();
        let (kind, limit) = (row.kind.as_str(), row.limit.words());
        table += &format!("| `{}`{aliases} | {kind} | {default} | {limit} | {} |\n", row.name, row.doc);
    }
    table
}

/// The default that stands in for an absent field.
pub(crate) fn or<T>(default: T) -> Option<T> {
    Some(default)
}

/// Marks a field that must be sent.
pub(crate) fn required<T>() -> Option<T> {
    None
}

/// Any value of the type is fine, within what the type itself says.
pub(crate) fn anything() -> Limit {
    Limit::Anything
}

/// Reads the field of `row` and removes it from `fields`. Null counts as absent, except where it is a value of the type.
///
/// # Errors
/// When the field is required and absent, has another type, or lies outside its limit.
pub(crate) fn take<T: FromJson>(
    fields: &mut Map<String, Value>,
    path: &str,
    row: &Parameter,
    default: Option<T>,
) -> Result<T, RequestError> {
    let mut given = None;
    let mut null = None;
    for name in std::iter::once(&row.name).chain(row.aliases) {
        match fields.shift_remove(*name) {
            Some(Value::Null) => null = T::null(),
            Some(value) => given = given.or(Some((*name, value))),
            None => {}
        }
    }
    let Some((name, value)) = given else {
        return null
            .or(default)
            .ok_or_else(|| RequestError::Missing { path: below(path, row.name), expected: row.expected() });
    };
    let path = below(path, name);
    let read = row.read(&value, &path)?;
    // The limits keep every value within its Rust type; should one ever not, the sentence is the same.
    T::from_json(read).ok_or_else(|| RequestError::Wrong {
        found: describe(&value, row.secrecy),
        expected: row.expected(),
        path,
    })
}

/// The path of a field of the object at `path`, which is empty for the body itself.
fn below(path: &str, name: &str) -> String {
    if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") }
}

/// Refuses whatever keys are left after all fields were taken, with the nearest known name as the remedy.
///
/// # Errors
/// When `fields` is not empty.
pub(crate) fn refuse_unknown(fields: &Map<String, Value>, path: &str, known: &[&str]) -> Result<(), RequestError> {
    let Some(key) = fields.keys().next() else { return Ok(()) };
    // Only a short key can be a slip of one.
    let distance_to = |name: &&str| if key.len() <= 64 { edit_distance(key, name) } else { usize::MAX };
    let nearest = known.iter().map(|name| (distance_to(name), name)).min();
    let remedy = match nearest {
        Some((distance, name)) if distance <= 3 => format!("perhaps {name} was meant"),
        _ => format!("known are {}", known.join(", ")),
    };
    Err(RequestError::Unknown { path: format!("{path}.{}", shortened(key)), remedy })
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
pub(crate) fn object(value: Value, path: &str, expected: &str) -> Result<Map<String, Value>, RequestError> {
    match value {
        Value::Object(fields) => Ok(fields),
        other => Err(RequestError::Wrong {
            path: path.into(),
            found: describe(&other, Secrecy::Open),
            expected: expected.into(),
        }),
    }
}

/// Declares a request object. Each field: doc comment, name (and accepted aliases), type, default, limit. The types that
/// hold secrets mark their fields as such.
///
/// ```text
/// parameters! {
///     /// What the object is.
///     pub struct TrainSettings {
///         /// What the field is for.
///         text_steps ["text_step"]: u32 = or(350), range(0, 20_000);
///     }
/// }
/// ```
///
/// Behind the fields, `also { … }` declares what belongs to the object and is read by code of its own.
macro_rules! parameters {
    (
        $(#[$meta:meta])*
        $visibility:vis struct $name:ident {
            $(
                $(#[doc = $doc:literal])+
                $field:ident $([$($alias:literal),+])? : $ty:ty = $default:expr, $limit:expr;
            )+
        }
        $(also {
            $(
                $(#[doc = $also_doc:literal])+
                $also:ident : $also_ty:ty = $also_default:expr;
            )+
        })?
    ) => {
        $(#[$meta])*
        #[derive(Debug, Clone, PartialEq)]
        $visibility struct $name {
            $( $(#[doc = $doc])+ pub $field: $ty, )+
            $($( $(#[doc = $also_doc])+ pub $also: $also_ty, )+)?
        }

        #[allow(unused_imports, dead_code, reason = "an object may have fields of few kinds, and be read in one way only")]
        impl $name {
            /// Reads the object that stands at `path` of a request; the result cannot be out of its limits any more.
            ///
            /// # Errors
            /// One sentence that names the first field that is missing, unknown, of another type or out of its limits.
            $visibility fn parse(value: serde_json::Value, path: &str) -> Result<Self, $crate::value::RequestError> {
                use $crate::parameter::{object, refuse_unknown};
                let mut fields = object(value, path, "an object")?;
                let parsed = Self::take(&mut fields, path)?;
                let known: Vec<&str> = Self::table().iter().map(|row| row.name).collect();
                refuse_unknown(&fields, path, &known)?;
                Ok(parsed)
            }

            /// Takes this object's fields out of `fields` and leaves the others.
            pub(crate) fn take(
                fields: &mut serde_json::Map<String, serde_json::Value>,
                path: &str,
            ) -> Result<Self, $crate::value::RequestError> {
                use $crate::limit::*;
                use $crate::parameter::*;
                let mut rows = Self::table().iter();
                let mut row = || rows.next().expect("the table has a row for each field, in this order");
                Ok(Self {
                    $( $field: take(fields, path, row(), $default)?, )+
                    $($( $also: $also_default, )+)?
                })
            }

            /// The fields, in the order of declaration.
            $visibility fn table() -> &'static [$crate::parameter::Parameter] {
                use $crate::limit::*;
                use $crate::parameter::*;
                static TABLE: std::sync::LazyLock<Vec<Parameter>> = std::sync::LazyLock::new(|| vec![$({
                    let default: Option<$ty> = $default;
                    let doc = [$($doc.trim()),+].join(" ");
                    Parameter::of::<$ty>(stringify!($field), &[$($($alias),+)?], default.as_ref(), $limit, doc)
                }),+]);
                &TABLE
            }
        }
    };
}

pub(crate) use parameters;
