//! Closed lists of names, each declared once.
//!
//! A sampler, a state or a precision is a word in requests, answers, files, tables and the database. [`names!`] turns one
//! declaration into the enum, its words, their other spellings and their explanations; parser, error sentence,
//! documentation and serde read them from there.

#[doc(hidden)]
pub use serde;

/// Longest piece of an unknown word that an error repeats, in characters.
const SHOWN_CHARS: usize = 60;

/// A word of a closed list.
pub trait Name: Copy + PartialEq + std::fmt::Debug + 'static {
    /// What the list is a list of, in the singular: `sampler`.
    const WHAT: &'static str;
    /// Every name, in the order of declaration.
    const ALL: &'static [Self];

    /// The word that travels.
    fn as_str(self) -> &'static str;

    /// Other spellings that are understood.
    fn aliases(self) -> &'static [&'static str];

    /// The explanation of the declaration.
    fn doc(self) -> &'static str;

    /// The name that `text` spells, upper and lower case alike.
    fn find(text: &str) -> Option<Self> {
        let spelt = |name: &&Self| {
            std::iter::once(name.as_str())
                .chain(name.aliases().iter().copied())
                .any(|word| word.eq_ignore_ascii_case(text))
        };
        Self::ALL.iter().find(spelt).copied()
    }

    /// All words, as a sentence lists them: `linear, cosine, constant`.
    fn list() -> String {
        Self::ALL.iter().map(|name| name.as_str()).collect::<Vec<_>>().join(", ")
    }
}

/// A word that is not on its list.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{given:?} is no {what}; known are {known}")]
pub struct UnknownName {
    /// What the list is a list of.
    pub what: &'static str,
    /// The word, shortened.
    pub given: String,
    /// The words there are.
    pub known: String,
}

impl UnknownName {
    /// The refusal of `text` by the list `N`.
    pub fn of<N: Name>(text: &str) -> Self {
        Self { what: N::WHAT, given: text.chars().take(SHOWN_CHARS).collect(), known: N::list() }
    }
}

/// Declares a closed list: an enum with `ALL`, `as_str`, `aliases` and `doc`, which prints, parses and serialises as its
/// words. The text behind `:` says what it is a list of.
///
/// ```
/// names::names! {
///     /// How the noise levels are spaced.
///     pub enum Spacing: "spacing" {
///         /// Evenly in time.
///         Uniform = "Uniform",
///         /// As Karras et al. (2022), equation 5.
///         Karras = "Karras" ["karras_rho_7"],
///     }
/// }
/// assert_eq!("KARRAS_RHO_7".parse::<Spacing>().unwrap().to_string(), "Karras");
/// ```
#[macro_export]
macro_rules! names {
    (
        $(#[$meta:meta])*
        $visibility:vis enum $name:ident : $what:literal {
            $(
                $(#[doc = $doc:literal])+
                $variant:ident = $word:literal $([$($alias:literal),+ $(,)?])?,
            )+
        }
    ) => {
        $(#[$meta])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        $visibility enum $name {
            $( $(#[doc = $doc])+ $variant, )+
        }

        #[allow(dead_code, reason = "not every list uses every question")]
        impl $name {
            /// Every name, in the order of declaration.
            $visibility const ALL: &'static [Self] = &[$(Self::$variant),+];

            /// The word that travels.
            $visibility fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $word),+ }
            }

            /// Other spellings that are understood.
            $visibility fn aliases(self) -> &'static [&'static str] {
                match self { $(Self::$variant => &[$($($alias),+)?]),+ }
            }

            /// What the name stands for.
            $visibility fn doc(self) -> &'static str {
                match self { $(Self::$variant => concat!($($doc),+).trim_ascii()),+ }
            }
        }

        impl $crate::Name for $name {
            const WHAT: &'static str = $what;
            const ALL: &'static [Self] = Self::ALL;

            fn as_str(self) -> &'static str {
                Self::as_str(self)
            }

            fn aliases(self) -> &'static [&'static str] {
                Self::aliases(self)
            }

            fn doc(self) -> &'static str {
                Self::doc(self)
            }
        }

        impl ::std::fmt::Display for $name {
            fn fmt(&self, f: &mut ::std::fmt::Formatter<'_>) -> ::std::fmt::Result {
                f.pad(self.as_str())
            }
        }

        impl ::std::str::FromStr for $name {
            type Err = $crate::UnknownName;

            fn from_str(text: &str) -> ::std::result::Result<Self, $crate::UnknownName> {
                <Self as $crate::Name>::find(text).ok_or_else(|| $crate::UnknownName::of::<Self>(text))
            }
        }

        impl $crate::serde::Serialize for $name {
            fn serialize<S: $crate::serde::Serializer>(&self, serializer: S) -> ::std::result::Result<S::Ok, S::Error> {
                serializer.serialize_str(self.as_str())
            }
        }

        impl<'de> $crate::serde::Deserialize<'de> for $name {
            fn deserialize<D: $crate::serde::Deserializer<'de>>(
                deserializer: D,
            ) -> ::std::result::Result<Self, D::Error> {
                let text = <::std::borrow::Cow<'de, str> as $crate::serde::Deserialize>::deserialize(deserializer)?;
                text.parse().map_err($crate::serde::de::Error::custom)
            }
        }
    };
}
