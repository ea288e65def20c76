//! Which version of libtorch a folder of headers belongs to.

use std::fs;
use std::path::Path;

/// What this crate and tch 0.24 were written for; another version has other functions under the same names.
pub(crate) const SUPPORTED: (u32, u32) = (2, 11);

/// Where libtorch has kept its version, newest place first.
const PLACES: [&str; 2] = ["torch/headeronly/version.h", "torch/csrc/api/include/torch/version.h"];

/// Refuses headers of another version; the error is a sentence for whoever builds.
pub(crate) fn check(include: &Path) -> Result<(), String> {
    let found = PLACES.iter().find_map(|place| version(&fs::read_to_string(include.join(place)).ok()?));
    let (major, minor) = SUPPORTED;
    let remedy = format!("set LIBTORCH to libtorch {major}.{minor} with its headers, or run `cargo xtask provision`");
    match found {
        Some(version) if version == SUPPORTED => Ok(()),
        Some((other, part)) => Err(format!("{} is of libtorch {other}.{part}; {remedy}", include.display())),
        None => Err(format!("{} does not say which libtorch it is of; {remedy}", include.display())),
    }
}

/// Major and minor number from the text of `version.h`.
fn version(header: &str) -> Option<(u32, u32)> {
    let number = |name: &str| {
        let rest = header.lines().find_map(|line| line.strip_prefix("#define ")?.strip_prefix(name))?;
        rest.trim().parse().ok()
    };
    Some((number("TORCH_VERSION_MAJOR ")?, number("TORCH_VERSION_MINOR ")?))
}
