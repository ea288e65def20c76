//! Values that no log, view, event or error may show. Neither type serialises by itself: the one place that stores them,
//! sealed, says so with [`revealed`].

use std::fmt;

/// A token or credential. `Debug` and `Display` print stars; only [`Secret::reveal`] gives the text away.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// Wraps a secret text.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The text itself, for the one place that sends it to its owner.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(STARS)
    }
}

impl fmt::Display for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(STARS)
    }
}

/// What is shown in place of a secret.
pub const STARS: &str = "***";

/// An address whose query, fragment and credentials are secret: people send signed links. It prints without them.
#[derive(Clone, PartialEq, Eq)]
pub struct SecretUrl(String);

impl SecretUrl {
    /// Wraps an address.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The whole address, for whoever fetches it.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for SecretUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&without_secrets(&self.0))
    }
}

impl fmt::Debug for SecretUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// An address as it may be shown: without credentials; stars stand for a query or fragment.
pub fn without_secrets(url: &str) -> String {
    let (address, hidden) = match url.split_once(['?', '#']) {
        Some((address, _)) => (address, "?***"),
        None => (url, ""),
    };
    let Some((scheme, rest)) = address.split_once("://") else { return format!("{address}{hidden}") };
    let (authority, path) = rest.split_at(rest.find(['/', '\\']).unwrap_or(rest.len()));
    let host = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
    format!("{scheme}://{host}{path}{hidden}")
}

/// `#[serde(with = "secret::revealed")]`: an optional secret as its text, in a value that is sealed before it is stored.
pub(crate) mod revealed {
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    use super::{Secret, SecretUrl};

    pub(crate) trait Hidden {
        fn wrap(text: String) -> Self;
        fn text(&self) -> &str;
    }

    impl Hidden for Secret {
        fn wrap(text: String) -> Self {
            Self(text)
        }

        fn text(&self) -> &str {
            &self.0
        }
    }

    impl Hidden for SecretUrl {
        fn wrap(text: String) -> Self {
            Self(text)
        }

        fn text(&self) -> &str {
            &self.0
        }
    }

    pub(crate) fn serialize<T: Hidden, S: Serializer>(hidden: &Option<T>, serializer: S) -> Result<S::Ok, S::Error> {
        hidden.as_ref().map(Hidden::text).serialize(serializer)
    }

    pub(crate) fn deserialize<'de, T: Hidden, D: Deserializer<'de>>(deserializer: D) -> Result<Option<T>, D::Error> {
        Ok(Option::<String>::deserialize(deserializer)?.map(T::wrap))
    }
}
