//! JSON (RFC 8259) that can be read in one way only: a key given twice is refused, because two readers would decide differently
//! (field.md N23); so is invalid UTF-8 and anything behind the document. At most 127 levels deep.

use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_json::error::Category;
use serde_json::{Map, Number, Value};

use super::InputError;

pub(super) const ENDS_EARLY: &str = "JSON that does not end in the middle";
const TWICE: &str = "each key only once in an object";
const JSON: &str = "JSON in UTF-8, at most 127 levels deep, with nothing behind it";

/// Reads one document.
///
/// # Errors
/// It is no JSON, ends in the middle, or gives a key twice; the error names the line in `bytes`.
pub fn parse(bytes: &[u8]) -> Result<Value, InputError> {
    let mut reader = serde_json::Deserializer::from_slice(bytes);
    Strict.deserialize(&mut reader).and_then(|value| reader.end().map(|()| value)).map_err(|error| told(&error))
}

/// The parser's own message may hold a piece of the input, so only its kind and line are kept.
fn told(error: &serde_json::Error) -> InputError {
    let expected = match error.classify() {
        Category::Eof => ENDS_EARLY,
        Category::Data => TWICE,
        Category::Syntax | Category::Io => JSON,
    };
    let line = u64::try_from(error.line()).ok().filter(|line| *line > 0);
    InputError { line, ..InputError::expected(expected) }
}

struct Strict;

impl<'de> DeserializeSeed<'de> for Strict {
    type Value = Value;
    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Strict {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }
    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }
    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }
    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(value.into())
    }
    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(value.into())
    }
    fn visit_f64<E>(self, value: f64) -> Result<Value, E> {
        Ok(Number::from_f64(value).map_or(Value::Null, Value::Number))
    }
    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(value.into())
    }
    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let mut array = Vec::new();
        while let Some(item) = items.next_element_seed(Strict)? {
            array.push(item);
        }
        Ok(Value::Array(array))
    }
    fn visit_map<A: MapAccess<'de>>(self, mut fields: A) -> Result<Value, A::Error> {
        let mut object = Map::new();
        while let Some(key) = fields.next_key::<String>()? {
            if object.contains_key(&key) && !crate::mutant::on("json_last_key_wins") {
                return Err(A::Error::custom(TWICE));
            }
            let value = fields.next_value_seed(Strict)?;
            object.insert(key, value);
        }
        Ok(Value::Object(object))
    }
}
