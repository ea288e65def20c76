//! Decoded latents become pixels become PNG files.

use engine::tch::{Kind, Tensor};

use crate::error::{Result, Txt2ImgError};

/// One drawn image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Picture {
    /// Pixels.
    pub width: u32,
    /// Pixels.
    pub height: u32,
    /// Rows of RGB, 8 bits each.
    pub rgb: Vec<u8>,
    /// The seed it was drawn from.
    pub seed: u64,
    /// What the PNG's `parameters` chunk says.
    pub infotext: String,
}

/// Turns the VAE's answer for one image, `[3, height, width]` in about [-1, 1], into bytes. Like the web UI it truncates
/// instead of rounding, so against diffusers a channel may differ by one.
///
/// # Errors
/// When no value is finite.
pub fn pixels(decoded: &Tensor) -> Result<Vec<u8>> {
    let decoded = decoded.to_kind(Kind::Float);
    if f64::try_from(decoded.isfinite().any())? == 0.0 {
        return Err(Txt2ImgError::NotFinite { network: "VAE" });
    }
    let unit = ((decoded + 1.0) / 2.0).clamp(0.0, 1.0);
    let bytes = (unit * 255.0).nan_to_num(0.0, 0.0, 0.0).to_kind(Kind::Uint8).permute([1, 2, 0]).contiguous();
    Ok(Vec::<u8>::try_from(bytes.view(-1))?)
}

impl Picture {
    /// The PNG file, with the infotext in a `parameters` chunk before the pixels: tEXt where Latin-1 can hold it, else iTXt.
    ///
    /// # Errors
    /// When the encoder refuses; it writes to memory.
    pub fn to_png(&self) -> Result<Vec<u8>> {
        let mut file = Vec::new();
        let mut encoder = png::Encoder::new(&mut file, self.width, self.height);
        encoder.set_color(png::ColorType::Rgb);
        encoder.set_depth(png::BitDepth::Eight);
        if self.infotext.chars().all(|c| u32::from(c) < 256) {
            encoder.add_text_chunk("parameters".into(), self.infotext.clone())?;
        } else {
            encoder.add_itxt_chunk("parameters".into(), self.infotext.clone())?;
        }
        let mut writer = encoder.write_header()?;
        writer.write_image_data(&self.rgb)?;
        writer.finish()?;
        Ok(file)
    }
}
