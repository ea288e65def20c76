//! JSON of bounded weight. Ten megabytes of `[],[],[],…` become hundreds of megabytes of values: each has a fixed size,
//! however short its text. So values are counted while they are read, and reading stops at the first one too many.
//!
//! Depth is bounded by the JSON reader itself, at 128.

use std::cell::Cell;
use std::fmt;

use protocol::RequestError;
use serde::de::{DeserializeSeed, Error, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value};

/// Most values of a body: numbers, texts, lists, objects and their keys. A request with 100 pictures, every field given,
/// has 7,000; the heaviest 200,000 weigh about 50 MB.
pub const VALUES_MAX: usize = 200_000;

/// Reads a body.
///
/// # Errors
/// [`RequestError::TooManyValues`], or [`RequestError::NotJson`] with the place at which reading stopped.
pub(crate) fn parse(text: &[u8]) -> Result<Value, RequestError> {
    let left = Cell::new(Some(VALUES_MAX));
    let mut reader = serde_json::Deserializer::from_slice(text);
    let value = Counted(&left).deserialize(&mut reader).and_then(|value| reader.end().map(|()| value));
    match (value, left.get()) {
        (_, None) => Err(RequestError::TooManyValues { max: VALUES_MAX }),
        (Ok(value), _) => Ok(value),
        (Err(error), _) => Err(RequestError::NotJson { reason: error.to_string() }),
    }
}

/// Reads one value and what is in it, while the number that is left has not run out. `None` once it has.
#[derive(Clone, Copy)]
struct Counted<'a>(&'a Cell<Option<usize>>);

impl Counted<'_> {
    fn count<E: Error>(self) -> Result<(), E> {
        let left = self.0.get().and_then(|left| left.checked_sub(1));
        self.0.set(left);
        // The text is not shown: the empty counter says it.
        if left.is_some() { Ok(()) } else { Err(E::custom("too many values")) }
    }
}

impl<'de> DeserializeSeed<'de> for Counted<'_> {
    type Value = Value;

    fn deserialize<D: serde::Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        self.count()?;
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Counted<'_> {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E: Error>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E: Error>(self, flag: bool) -> Result<Value, E> {
        Ok(flag.into())
    }

    fn visit_i64<E: Error>(self, number: i64) -> Result<Value, E> {
        Ok(number.into())
    }

    fn visit_u64<E: Error>(self, number: u64) -> Result<Value, E> {
        Ok(number.into())
    }

    fn visit_f64<E: Error>(self, number: f64) -> Result<Value, E> {
        Ok(Number::from_f64(number).map_or(Value::Null, Value::Number))
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Value, E> {
        Ok(text.into())
    }

    fn visit_string<E: Error>(self, text: String) -> Result<Value, E> {
        Ok(text.into())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let mut list = Vec::new();
        while let Some(item) = items.next_element_seed(self)? {
            list.push(item);
        }
        Ok(list.into())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut fields: A) -> Result<Value, A::Error> {
        let mut object = Map::new();
        while let Some(name) = fields.next_key::<String>()? {
            self.count()?;
            object.insert(name, fields.next_value_seed(self)?);
        }
        Ok(object.into())
    }
}
