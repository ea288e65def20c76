//! A libtorch by what it is put together from. The pinned ones stand in [`super::pinned`].

use super::plan::Plan;

/// A wheel of the package index, pinned.
#[derive(Debug, Clone)]
pub struct Wheel {
    /// `name==version`, as pip reads it.
    pub requirement: &'static str,
    /// The platform tag that pip is told to fetch for.
    pub platform: &'static str,
    /// The file's name.
    pub file_name: &'static str,
    /// The file's size.
    pub bytes: u64,
    /// The file's SHA-256 in hexadecimal.
    pub sha256: &'static str,
    /// The libraries taken out of it.
    pub libraries: &'static [Library],
    /// The folder of headers taken out of it as `include/`, with a closing slash; none when empty.
    pub headers: &'static str,
}

/// A shared library inside a wheel; it goes to `lib/` under its file name.
#[derive(Debug, Clone)]
pub struct Library {
    /// Its path in the wheel.
    pub path: &'static str,
    /// Its size.
    pub bytes: u64,
    /// Its SHA-256 in hexadecimal.
    pub sha256: &'static str,
}

impl Library {
    /// The last part of its path.
    pub fn file_name(&self) -> &'static str {
        self.path.rsplit('/').next().unwrap_or(self.path)
    }
}

/// A libtorch that is put together from wheels.
#[derive(Debug, Clone)]
pub struct Release {
    /// The folder's name in the cache.
    pub folder: &'static str,
    /// Where its parts come from.
    pub wheels: &'static [Wheel],
    /// [`super::verify::headers_digest`] of its `include/`.
    pub headers_sha256: &'static str,
}

impl Release {
    /// Every library of every wheel.
    pub fn libraries(&self) -> impl Iterator<Item = &'static Library> {
        self.wheels.iter().flat_map(|wheel| wheel.libraries)
    }

    /// What there is to do when every wheel must be fetched.
    pub fn plan(&self) -> Plan {
        Plan::new(self, self.wheels.iter().collect())
    }
}
