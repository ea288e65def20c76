//! Files of named tensors, written at once or not at all.

use std::collections::BTreeMap;
use std::path::Path;

use durable::Access;
use engine::tch::Tensor;
use model::weights::named_tensors;

use crate::error::{Result, io};

/// Writes `tensors` with `texts` beside them.
pub(crate) fn write(path: &Path, tensors: &[(String, Tensor)], texts: &BTreeMap<String, String>) -> Result<()> {
    let mut part = durable::part_beside(path, Access::Usual).map_err(io("write", path))?;
    named_tensors::write(part.as_file_mut(), path, tensors, texts)?;
    durable::keep(part, path).map_err(io("write", path))?;
    Ok(())
}
