//! The sample concept: the doll's photos, and the zip that a user would upload.

use std::io::{Cursor, Write};

use image::RgbImage;
use image::codecs::jpeg::JpegEncoder;
use toyworld::daiton;
use zip::ZipWriter;
use zip::write::SimpleFileOptions;

use super::error::DemoError;
use super::settings::{CONCEPT, SAMPLE_SIDE};

/// Good enough that no block shows, small enough that the zip stays below a megabyte.
const JPEG_QUALITY: u8 = 92;

/// What the service is trained on. Always the same pictures.
pub fn pictures() -> Vec<RgbImage> {
    daiton::training_pictures(SAMPLE_SIDE)
}

/// The pictures as `daiton (0).jpg`, `daiton (1).jpg`, … in a zip, named as the original endpoint's tutorial does.
///
/// # Errors
/// When a picture cannot be encoded.
pub fn zip(pictures: &[RgbImage]) -> Result<Vec<u8>, DemoError> {
    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    // JPEG does not deflate any further.
    let stored = SimpleFileOptions::default().compression_method(zip::CompressionMethod::Stored);
    for (index, picture) in pictures.iter().enumerate() {
        let name = format!("{CONCEPT} ({index}).jpg");
        let wrong = |reason: String| DemoError::Picture { name: name.clone(), reason };
        let mut jpeg = Vec::new();
        picture
            .write_with_encoder(JpegEncoder::new_with_quality(&mut jpeg, JPEG_QUALITY))
            .map_err(|error| wrong(error.to_string()))?;
        zip.start_file(name.as_str(), stored).map_err(|error| wrong(error.to_string()))?;
        zip.write_all(&jpeg).map_err(|error| wrong(error.to_string()))?;
    }
    let done = zip.finish().map_err(|error| DemoError::Picture { name: "zip".into(), reason: error.to_string() })?;
    Ok(done.into_inner())
}
