//! A sampler and, behind it in the same name, a schedule: `DPM++ 2M Karras`, as the web UI named them before its 1.9.

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;
use std::sync::LazyLock;

use names::UnknownName;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::Value;

use super::SamplerName;
use crate::SchedulerName;
use crate::limit::Limit;
use crate::parameter::Kind;
use crate::value::FromJson;

/// What a request's sampler name says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct SamplerChoice {
    /// The sampler.
    pub sampler: SamplerName,
    /// The schedule that the name ends in, if it does.
    pub scheduler: Option<SchedulerName>,
}

/// What ends the web UI's aliases of names with a schedule.
const ALIAS_ENDINGS: [(&str, SchedulerName); 2] =
    [("_ka", SchedulerName::Karras), ("_exp", SchedulerName::Exponential)];

/// Every text that is understood, names before names with a schedule.
static SPELLINGS: LazyLock<Vec<(String, SamplerChoice)>> = LazyLock::new(|| {
    let words = |sampler: SamplerName| std::iter::once(sampler.as_str()).chain(sampler.aliases().iter().copied());
    let alone = SamplerName::ALL.iter().flat_map(|&sampler| {
        words(sampler).map(move |word| (word.to_owned(), SamplerChoice { sampler, scheduler: None }))
    });
    let together = SamplerName::ALL.iter().flat_map(|&sampler| {
        words(sampler).flat_map(move |word| {
            let of = move |scheduler| SamplerChoice { sampler, scheduler: Some(scheduler) };
            let endings = ALIAS_ENDINGS.into_iter().filter(move |_| word.starts_with("k_"));
            let schedules = SchedulerName::ALL.iter().flat_map(|&scheduler| {
                std::iter::once(scheduler.as_str())
                    .chain(scheduler.aliases().iter().copied())
                    .map(move |ending| (ending, scheduler))
            });
            endings
                .map(move |(ending, scheduler)| (format!("{word}{ending}"), of(scheduler)))
                .chain(schedules.map(move |(ending, scheduler)| (format!("{word} {ending}"), of(scheduler))))
        })
    });
    alone.chain(together).collect()
});

impl SamplerChoice {
    /// The choice that `text` spells, upper and lower case alike, blanks around it or not.
    pub fn find(text: &str) -> Option<Self> {
        let text = text.trim();
        SPELLINGS.iter().find(|(spelling, _)| spelling.eq_ignore_ascii_case(text)).map(|(_, choice)| *choice)
    }

    /// Every text that is understood: the names, their aliases, and each with a schedule behind it.
    pub fn spellings() -> impl Iterator<Item = (&'static str, Self)> {
        SPELLINGS.iter().map(|(spelling, choice)| (spelling.as_str(), *choice))
    }
}

impl From<SamplerName> for SamplerChoice {
    fn from(sampler: SamplerName) -> Self {
        Self { sampler, scheduler: None }
    }
}

impl fmt::Display for SamplerChoice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.scheduler {
            Some(scheduler) => write!(f, "{} {scheduler}", self.sampler),
            None => self.sampler.fmt(f),
        }
    }
}

impl FromStr for SamplerChoice {
    type Err = UnknownName;

    fn from_str(text: &str) -> Result<Self, UnknownName> {
        Self::find(text).ok_or_else(|| UnknownName::of::<SamplerName>(text))
    }
}

impl Serialize for SamplerChoice {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for SamplerChoice {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Cow::<'de, str>::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

impl FromJson for SamplerChoice {
    const KIND: Kind = Kind::Text;

    fn limit() -> Limit {
        let words: Vec<&'static str> = SamplerName::ALL.iter().map(|name| name.as_str()).collect();
        let aliases = Self::spellings().map(|(spelling, _)| spelling).filter(|text| !words.contains(text)).collect();
        Limit::OneOf { words, aliases }
    }

    fn from_json(value: Value) -> Option<Self> {
        Self::find(value.as_str()?)
    }

    fn to_json(&self) -> Value {
        self.to_string().into()
    }
}
