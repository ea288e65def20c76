//! A request as its owner may see it again: what is marked secret is gone. What is stored, echoed and sent to webhooks is
//! this, so the marks of the fields are the one place that decides.

use serde_json::{Map, Value};

use crate::bucket::S3Config;
use crate::limit::{Limit, is_http_url};
use crate::parameter::{Parameter, Secrecy};
use crate::request::Envelope;
use crate::secret::{STARS, without_secrets};
use crate::train::train_table;

/// The parts of a request body that this service reads, without their secrets: `input`, `policy`, `s3Config`, and of the
/// webhook that there is one.
pub fn shown_request(body: Value) -> Value {
    let Value::Object(mut body) = body else { return Value::Null };
    let mut shown = Map::new();
    if let Some(mut input) = body.shift_remove("input") {
        if let Some(train) = input.get_mut("train") {
            hide(train, &train_table());
        }
        shown.insert("input".into(), input);
    }
    if let Some(config) = body.get_mut("s3Config") {
        hide(config, S3Config::table());
    }
    let mut rest = Value::Object(body);
    hide(&mut rest, Envelope::table());
    let is_read = |key: &str| key == "policy" || key == "s3Config" || Envelope::has(key);
    if let Value::Object(rest) = rest {
        shown.extend(rest.into_iter().filter(|(key, value)| is_read(key) && !value.is_null()));
    }
    Value::Object(shown)
}

/// Takes the secrets out of an object with these fields; what is no object is hidden whole.
fn hide(object: &mut Value, fields: &[Parameter]) {
    if !object.is_object() && !object.is_null() {
        *object = STARS.into();
    }
    for field in fields {
        if let (Limit::Objects { fields, .. }, Some(Value::Array(items))) = (&field.limit, object.get_mut(field.name)) {
            items.iter_mut().for_each(|item| hide(item, fields));
        }
    }
    for field in fields.iter().filter(|field| field.secrecy != Secrecy::Open) {
        for name in std::iter::once(&field.name).chain(field.aliases) {
            if let Some(value) = object.get_mut(*name).filter(|value| !value.is_null()) {
                *value = hidden(value, field.secrecy);
            }
        }
    }
}

fn hidden(value: &Value, secrecy: Secrecy) -> Value {
    match (secrecy, value.as_str()) {
        (Secrecy::Open, _) => value.clone(),
        (Secrecy::Query, Some(url)) if is_http_url(url) => without_secrets(url).into(),
        (Secrecy::Query | Secrecy::Whole, _) => STARS.into(),
    }
}
