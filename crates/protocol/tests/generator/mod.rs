//! Makes random requests, right and wrong ones, out of the tables of parameters alone.

use protocol::limit::Limit;
use protocol::parameter::Kind;
use protocol::request::Policy;
use protocol::train::train_table;
use protocol::{Parameter, Txt2ImgParams};
use serde_json::{Map, Value, json};

/// A small generator of its own (xorshift64*), so that a failure can be repeated by its seed.
#[derive(Debug)]
pub(crate) struct Generator(u64);

impl Generator {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1)
    }

    fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_F491_4F6C_DD1D)
    }

    fn below(&mut self, bound: u64) -> u64 {
        self.next() % bound.max(1)
    }

    fn coin(&mut self) -> bool {
        self.below(2) == 0
    }

    fn pick<'a, T>(&mut self, items: &'a [T]) -> &'a T {
        &items[self.below(items.len() as u64) as usize]
    }

    fn text(&mut self, chars: usize) -> String {
        const ALPHABET: [char; 8] = ['a', 'Z', '7', ' ', 'ü', '犬', '"', '\n'];
        (0..chars).map(|_| *self.pick(&ALPHABET)).collect()
    }

    /// A request that must be accepted.
    pub(crate) fn request(&mut self) -> Value {
        let mut train = self.object(&train_table());
        // The rules that concern several fields.
        train.insert("data_url".into(), json!("https://photos.example/a.zip"));
        train.remove("ckpt_link");
        if train.get("hf_model").is_none_or(Value::is_null) {
            train.remove("hf_revision");
        }
        if self.coin() {
            train.remove("concepts");
        } else {
            train.remove("concept_name");
        }
        let items: Vec<Value> = (0..self.below(3)).map(|_| self.item().into()).collect();
        json!({"input": {"train": train, "inference": items}, "policy": self.object(Policy::table())})
    }

    fn item(&mut self) -> Map<String, Value> {
        let mut item = self.object(Txt2ImgParams::table());
        // The rules that concern several fields: batch_size x n_iter, and the steps that a sampler needs.
        item.remove("n_iter");
        item.remove("steps");
        item
    }

    /// For every field that has a limit: its path, its row, and a request in which it is just beyond it.
    pub(crate) fn spoilt_requests(&mut self) -> Vec<(String, Parameter, Value)> {
        let mut spoilt = Vec::new();
        let places = [
            ("/input/train", "input.train", train_table()),
            ("/input/inference/0", "input.inference[0]", Txt2ImgParams::table().to_vec()),
            ("/policy", "policy", Policy::table().to_vec()),
        ];
        for (pointer, path, table) in places {
            for row in table {
                let Some(value) = self.beyond(&row) else { continue };
                let mut body = json!({
                    "input": {"train": {"data_url": "https://photos.example/a.zip"}, "inference": [{"prompt": "p"}]},
                    "policy": {},
                });
                if let Some(Value::Object(object)) = body.pointer_mut(pointer) {
                    object.insert(row.name.into(), value);
                }
                spoilt.push((format!("{path}.{}", row.name), row, body));
            }
        }
        spoilt
    }

    fn object(&mut self, table: &[Parameter]) -> Map<String, Value> {
        let mut object = Map::new();
        for row in table {
            if row.default.is_none() || self.coin() {
                let name = if row.aliases.is_empty() || self.coin() { row.name } else { *self.pick(row.aliases) };
                object.insert(name.into(), self.within(row));
            }
        }
        object
    }

    fn within(&mut self, row: &Parameter) -> Value {
        if row.nullable && self.below(4) == 0 {
            return Value::Null;
        }
        match &row.limit {
            Limit::Anything => json!(self.coin()),
            Limit::Range { low, high } => {
                let number = match self.below(4) {
                    0 => *low,
                    1 => *high,
                    _ => low + (high - low) * (self.below(1 << 20) as f64 / f64::from(1 << 20)),
                };
                let number = if row.kind == Kind::Integer { number.floor() } else { number };
                if self.coin() { json!(number) } else { json!(number.to_string()) }
            }
            Limit::Multiple { of, low, high } => {
                let first = u64::from(low.div_ceil(*of));
                json!((first + self.below(u64::from(high / of) - first + 1)) * u64::from(*of))
            }
            Limit::OneOf { words, aliases } => {
                let word = if aliases.is_empty() || self.coin() { *self.pick(words) } else { *self.pick(aliases) };
                if self.coin() { json!(word) } else { json!(format!(" {} ", word.to_uppercase())) }
            }
            Limit::Length { max_chars, .. } => {
                let chars = if self.coin() { *max_chars } else { 1 + self.below(20).min(*max_chars as u64) as usize };
                json!(format!("x{}", self.text(chars.min(*max_chars).saturating_sub(1))))
            }
            Limit::Pattern(pattern) => json!(pattern.example),
            Limit::Url { max_chars } => {
                let start = "https://a.example/";
                let rest = if self.coin() { max_chars - start.len() } else { 3 };
                json!(format!("{start}{}", "p".repeat(rest)))
            }
            Limit::Items { max_items, max_chars } => {
                let items = if self.coin() { *max_items } else { 2 };
                json!((0..items).map(|_| self.text(*max_chars)).collect::<Vec<_>>())
            }
            Limit::Objects { fields, .. } => {
                let object = |generator: &mut Self| {
                    let mut object = generator.object(fields);
                    // One of the two says where a concept's images are.
                    object.remove("folder");
                    object.insert("data_url".into(), json!("https://photos.example/b.zip"));
                    object
                };
                json!((0..self.below(3)).map(|_| object(self)).collect::<Vec<_>>())
            }
            Limit::Size { max_bytes } => match self.coin() {
                true => json!("p".repeat(max_bytes - 2)),
                false => json!({"deep": [self.below(9), {"er": null}]}),
            },
            Limit::Only { values, .. } => self.pick(values).clone(),
        }
    }

    fn beyond(&mut self, row: &Parameter) -> Option<Value> {
        let integer = row.kind == Kind::Integer;
        Some(match &row.limit {
            Limit::Anything => match row.kind {
                Kind::Boolean => json!("yes"),
                _ => return None,
            },
            Limit::Range { low, high } => match (self.coin(), integer) {
                (true, true) => json!(*high as i64 + 1 + self.below(1000) as i64),
                (false, true) => json!(*low as i64 - 1 - self.below(1000) as i64),
                (true, false) => json!(high + 0.5 + self.below(1000) as f64),
                (false, false) => json!(low - 0.5 - self.below(1000) as f64),
            },
            Limit::Multiple { of, low, high } => match self.below(3) {
                0 => json!(high + of),
                1 => json!(i64::from(*low) - i64::from(*of)),
                _ => json!(low + 1),
            },
            Limit::OneOf { words, .. } => json!(format!("{}x", self.pick(words))),
            Limit::Length { max_chars, may_be_blank } => match self.coin() && !may_be_blank {
                true => json!("  "),
                false => json!(self.text(max_chars + 1)),
            },
            Limit::Pattern(pattern) => match self.coin() {
                true => json!(format!("{}//", pattern.example)),
                false => json!("x".repeat(pattern.max_chars + 1)),
            },
            Limit::Url { max_chars } => match self.coin() {
                true => json!("ftp://a.example/x"),
                false => json!(format!("https://a.example/{}", "p".repeat(*max_chars))),
            },
            Limit::Items { max_items, max_chars } => match self.below(3) {
                0 => json!(vec!["x"; max_items + 1]),
                1 => json!([self.text(max_chars + 1)]),
                _ => json!(["x", 7]),
            },
            Limit::Objects { max_items, .. } => match self.coin() {
                true => json!(vec![json!({}); max_items + 1]),
                false => json!(["x"]),
            },
            Limit::Size { max_bytes } => json!("p".repeat(max_bytes - 1)),
            Limit::Only { values, .. } => match values.first()? {
                Value::Bool(only) => json!(!only),
                Value::String(_) => json!("something"),
                _ => json!(123_456),
            },
        })
    }
}
