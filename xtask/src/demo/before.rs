//! What the base model draws for the same requests, before it knows the concept.

use std::path::Path;
use std::process::{Command, Stdio};

use image::RgbImage;
use serde_json::Value;

use super::error::DemoError;
use super::settings::MODEL;

/// Draws each of `items` with the base model; files lie in `folder` afterwards.
///
/// # Errors
/// When a picture cannot be drawn or read.
pub fn draw(binary: &Path, items: &[Value], folder: &Path) -> Result<Vec<RgbImage>, DemoError> {
    items.iter().enumerate().map(|(index, item)| draw_one(binary, item, &folder.join(index.to_string()))).collect()
}

fn draw_one(binary: &Path, item: &Value, folder: &Path) -> Result<RgbImage, DemoError> {
    std::fs::create_dir_all(folder).map_err(|source| DemoError::Io {
        action: "create",
        path: folder.into(),
        source,
    })?;
    let request = folder.join("request.json");
    super::write(&request, item.to_string().as_bytes())?;
    let picture = folder.join("0.png");
    let wrong = |reason: String| DemoError::Picture { name: picture.display().to_string(), reason };
    let mut command = Command::new(binary);
    command.args(["txt2img", "--model", MODEL, "--request"]).arg(&request).arg("--out").arg(folder);
    let done = command.stdin(Stdio::null()).output().map_err(|error| wrong(error.to_string()))?;
    if !done.status.success() {
        return Err(wrong(String::from_utf8_lossy(&done.stderr).trim().to_owned()));
    }
    Ok(image::open(&picture).map_err(|error| wrong(error.to_string()))?.into_rgb8())
}
