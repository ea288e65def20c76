//! Decoded values become bytes as in the web UI, and PNG files that say how they were made.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use engine::tch::{Device, Kind, Tensor};
use txt2img::Picture;
use txt2img::picture::pixels;

#[test]
fn bytes_are_truncated_not_rounded_and_clamped() {
    let decoded = Tensor::from_slice(&[-2.0f32, -1.0, 0.0, 0.999, 1.0, 3.0]).view([3, 1, 2]);
    // Row by row, then by channel: (0.5 * 255 = 127.5 gives 127).
    assert_eq!(pixels(&decoded).unwrap(), [0, 127, 255, 0, 254, 255]);
}

#[test]
fn a_decoder_that_gives_only_nan_is_an_error_with_a_remedy() {
    let decoded = Tensor::full([3, 2, 2], f64::NAN, (Kind::Float, Device::Cpu));
    assert!(pixels(&decoded).unwrap_err().to_string().contains("--precision fp32"));
}

fn png_of(infotext: &str) -> png::Info<'static> {
    let picture = Picture { width: 2, height: 1, rgb: vec![1, 2, 3, 4, 5, 6], seed: 1, infotext: infotext.into() };
    let file = picture.to_png().unwrap();
    png::Decoder::new(std::io::Cursor::new(file)).read_info().unwrap().info().clone()
}

#[test]
fn the_infotext_is_a_text_chunk_where_latin_1_can_hold_it_and_utf_8_where_not() {
    let latin = png_of("café\nSteps: 1");
    assert_eq!(latin.uncompressed_latin1_text[0].keyword, "parameters");
    assert_eq!(latin.uncompressed_latin1_text[0].text, "café\nSteps: 1");
    let emoji = png_of("a 🐶");
    assert_eq!(emoji.utf8_text[0].keyword, "parameters");
    assert_eq!(emoji.utf8_text[0].get_text().unwrap(), "a 🐶");
}
