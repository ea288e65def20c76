//! A folder of libraries by what it is put together from. The pinned ones stand in [`super::pinned`].

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

/// A folder of libraries that is put together from wheels.
#[derive(Debug, Clone)]
pub struct Release {
    /// What it is, as people are told: `libtorch 2.11.0`.
    pub name: &'static str,
    /// The folder's name in the cache.
    pub folder: &'static str,
    /// Where its parts come from.
    pub wheels: &'static [Wheel],
    /// [`super::verify::headers_digest`] of its `include/`. Programs are built against a folder that has headers, so it has the
    /// linker's names of its libraries, too; `None`: its libraries are opened at run time.
    pub headers_sha256: Option<&'static str>,
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
