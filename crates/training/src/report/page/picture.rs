//! Pictures in the page itself.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::report::Preview;

/// A JPEG file as an address; `None` where there is none.
pub(super) fn address(preview: &Preview) -> Option<String> {
    let jpeg = preview.jpeg();
    (!jpeg.is_empty()).then(|| format!("data:image/jpeg;base64,{}", STANDARD.encode(jpeg)))
}

/// A PNG file, made small, as an address; `None` when it is none.
pub(super) fn small(png: &[u8], side: u32) -> Option<String> {
    let picture = image::load_from_memory_with_format(png, image::ImageFormat::Png).ok()?;
    address(&Preview::within(&picture.into_rgb8(), side))
}
