//! The sample concept: the doll's photos with their captions, and the zip that a user would upload.

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

/// A photo, and what is to be seen in it apart from the concept, where somebody has written that down.
#[derive(Debug, Clone)]
pub struct Photo {
    /// The picture.
    pub picture: RgbImage,
    /// Goes into a `.txt` beside it.
    pub caption: Option<String>,
}

/// What the service is trained on. Always the same. The captions name dress and place, so that these do not become a part of
/// her.
pub fn photos() -> Vec<Photo> {
    let captions = daiton::training_captions().into_iter().map(Some);
    let photos = daiton::training_pictures(SAMPLE_SIDE).into_iter().zip(captions);
    photos.map(|(picture, caption)| Photo { picture, caption }).collect()
}

/// The photos as `daiton (0).jpg`, `daiton (1).jpg`, … in a zip, named as the original endpoint's tutorial does, with their
/// captions beside them.
///
/// # Errors
/// When a picture cannot be encoded.
pub fn zip(photos: &[Photo]) -> Result<Vec<u8>, DemoError> {
    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    for (index, photo) in photos.iter().enumerate() {
        let name = format!("{CONCEPT} ({index})");
        let wrong = |reason: String| DemoError::Picture { name: name.clone(), reason };
        let mut jpeg = Vec::new();
        photo
            .picture
            .write_with_encoder(JpegEncoder::new_with_quality(&mut jpeg, JPEG_QUALITY))
            .map_err(|error| wrong(error.to_string()))?;
        let caption = photo.caption.as_ref().map(|caption| (format!("{name}.txt"), caption.as_bytes()));
        for (file, bytes) in [(format!("{name}.jpg"), jpeg.as_slice())].into_iter().chain(caption) {
            // JPEG does not deflate any further.
            let stored = SimpleFileOptions::default().compression_method(zip::CompressionMethod::Stored);
            zip.start_file(file, stored).map_err(|error| wrong(error.to_string()))?;
            zip.write_all(bytes).map_err(|error| wrong(error.to_string()))?;
        }
    }
    let done = zip.finish().map_err(|error| DemoError::Picture { name: "zip".into(), reason: error.to_string() })?;
    Ok(done.into_inner())
}
