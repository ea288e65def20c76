//! A job from the request to its pictures.

use std::path::Path;

use image::RgbImage;
use serde_json::Value;

use super::client::Client;
use super::error::DemoError;
use super::{files, follow};

/// What became of a job.
#[derive(Debug)]
pub struct Drawn {
    /// As `GET /status` shows it.
    pub job: Value,
    /// In the order of the items.
    pub pictures: Vec<RgbImage>,
}

/// Submits a job, waits for its end and fetches its pictures. The request, too, lies in `folder` afterwards.
///
/// # Errors
/// When the service refuses the job, or the job fails.
pub fn draw(client: &Client, request: &Value, folder: &Path) -> Result<Drawn, DemoError> {
    files::create(folder)?;
    files::write(&folder.join("request.json"), format!("{request:#}\n").as_bytes())?;
    let id = client.run(request)?;
    let job = follow::follow(client, &id)?;
    let pictures = fetch(client, &job, folder)?;
    Ok(Drawn { job, pictures })
}

/// Downloads every picture through its URL, and keeps it as `{item}-{image}.png`.
fn fetch(client: &Client, job: &Value, out: &Path) -> Result<Vec<RgbImage>, DemoError> {
    let mut results = Vec::new();
    let items = job["output"]["inference"].as_array().map(Vec::as_slice).unwrap_or_default();
    for (item, answer) in items.iter().enumerate() {
        for (index, url) in answer["images"].as_array().into_iter().flatten().enumerate() {
            let name = format!("{item}-{index}.png");
            let bytes = client.file(url.as_str().unwrap_or_default())?;
            files::write(&out.join(&name), &bytes)?;
            let picture = image::load_from_memory(&bytes);
            let picture = picture.map_err(|error| DemoError::Picture { name, reason: error.to_string() })?;
            results.push(picture.into_rgb8());
        }
    }
    if results.is_empty() {
        let answer = format!("without a picture: {}", job["output"]);
        return Err(DemoError::Answer { request: "GET /status".into(), answer });
    }
    Ok(results)
}
