//! From an image file to the square that the VAE sees.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::fs;
use std::io::Cursor;
use std::path::{Path, PathBuf};

use image::{ImageFormat, Rgb, RgbImage};
use training::dataset::Photo;
use training::noise::Streams;
use training::picture::{crop, crop_corners, crops_per_image, decode, scale};

fn photo(path: PathBuf) -> Photo {
    Photo { name: path.file_name().unwrap().into(), path, caption: String::new() }
}

fn write(dir: &Path, name: &str, bytes: &[u8]) -> Photo {
    fs::write(dir.join(name), bytes).unwrap();
    photo(dir.join(name))
}

/// Left half red, right half blue.
fn red_and_blue(width: u32, height: u32) -> RgbImage {
    RgbImage::from_fn(width, height, |x, _| if x < width / 2 { Rgb([250, 0, 0]) } else { Rgb([0, 0, 250]) })
}

fn encoded(picture: &RgbImage, format: ImageFormat) -> Vec<u8> {
    let mut bytes = Cursor::new(Vec::new());
    picture.write_to(&mut bytes, format).unwrap();
    bytes.into_inner()
}

/// Puts an EXIF block with this orientation behind a JPEG's first marker.
fn with_orientation(jpeg: &[u8], orientation: u8) -> Vec<u8> {
    let mut exif = b"Exif\0\0MM\0\x2A\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0".to_vec();
    exif.extend([orientation, 0, 0, 0, 0, 0, 0]);
    let length = u16::try_from(exif.len() + 2).unwrap().to_be_bytes();
    [&jpeg[..2], &[0xFF, 0xE1], &length, &exif, &jpeg[2..]].concat()
}

#[test]
fn a_photo_taken_sideways_stands_upright() {
    let dir = tempfile::tempdir().unwrap();
    let jpeg = encoded(&red_and_blue(64, 32), ImageFormat::Jpeg);
    let stored = decode(&write(dir.path(), "a.jpg", &jpeg)).unwrap();
    assert_eq!(stored.dimensions(), (64, 32));
    // 6: the top of the stored picture is the right side of the scene, so it is turned clockwise.
    let upright = decode(&write(dir.path(), "b.jpg", &with_orientation(&jpeg, 6))).unwrap();
    assert_eq!(upright.dimensions(), (32, 64));
    assert!(upright.get_pixel(16, 4).0[0] > 200, "red is on top");
    assert!(upright.get_pixel(16, 60).0[2] > 200, "blue is at the bottom");
}

#[test]
fn what_an_image_is_depends_on_its_bytes_not_its_name() {
    let dir = tempfile::tempdir().unwrap();
    let png = encoded(&red_and_blue(16, 16), ImageFormat::Png);
    assert_eq!(decode(&write(dir.path(), "really-a-png.jpg", &png)).unwrap().dimensions(), (16, 16));
}

#[test]
fn damaged_files_are_named_in_the_error() {
    let dir = tempfile::tempdir().unwrap();
    let noisy = RgbImage::from_fn(200, 200, |x, y| Rgb([(x * y) as u8, (x ^ y) as u8, (x + 3 * y) as u8]));
    let (jpeg, png) = (encoded(&noisy, ImageFormat::Jpeg), encoded(&noisy, ImageFormat::Png));
    let damaged: [(&str, &[u8]); 6] = [
        ("empty.jpg", b""),
        ("text.jpg", b"<!DOCTYPE html><title>404</title>"),
        ("half.jpg", &jpeg[..jpeg.len() / 2]),
        ("no-end.jpg", &jpeg[..jpeg.len() - 2]),
        ("half.png", &png[..png.len() / 2]),
        ("header-only.png", &png[..33]),
    ];
    for (name, bytes) in damaged {
        let error = decode(&write(dir.path(), name, bytes)).unwrap_err().to_string();
        assert!(error.starts_with(&format!("{name} is not a usable image: ")), "{error}");
        assert!(error.ends_with("; replace it or leave it out of the zip"), "{error}");
        assert!(!error.contains('\n'), "{error}");
    }
    let error = decode(&photo(dir.path().join("absent.jpg"))).unwrap_err().to_string();
    assert!(error.starts_with("absent.jpg could not be read: "), "{error}");
}

#[test]
fn no_cut_of_a_file_makes_the_decoder_panic() {
    let dir = tempfile::tempdir().unwrap();
    let jpeg = encoded(&red_and_blue(24, 24), ImageFormat::Jpeg);
    for length in 0..jpeg.len() {
        assert!(decode(&write(dir.path(), "cut.jpg", &jpeg[..length])).is_err(), "{length} bytes");
    }
}

#[test]
fn a_picture_too_large_to_decode_is_refused_by_its_header_alone() {
    let dir = tempfile::tempdir().unwrap();
    let mut png = encoded(&red_and_blue(8, 8), ImageFormat::Png);
    png[16..24].copy_from_slice(&[0, 0, 0x40, 0, 0, 0, 0x40, 0]); // 16384 x 16384
    let crc = crc32(&png[12..29]).to_be_bytes();
    png[29..33].copy_from_slice(&crc);
    let error = decode(&write(dir.path(), "bomb.png", &png)).unwrap_err().to_string();
    assert!(error.contains("16384 x 16384 pixels, but at most 100000000"), "{error}");
}

#[test]
fn a_strip_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let strip = encoded(&red_and_blue(400, 8), ImageFormat::Png);
    let error = decode(&write(dir.path(), "strip.png", &strip)).unwrap_err().to_string();
    assert!(error.contains("400 x 8 pixels, more than 10 times longer"), "{error}");
}

#[test]
fn the_shorter_side_becomes_the_resolution_and_the_longer_is_rounded_down() {
    assert_eq!(scale(&red_and_blue(100, 67), 64).dimensions(), (95, 64));
    assert_eq!(scale(&red_and_blue(67, 100), 64).dimensions(), (64, 95));
    assert_eq!(scale(&red_and_blue(20, 10), 64).dimensions(), (128, 64), "small pictures grow");
    let exact = red_and_blue(80, 64);
    assert_eq!(scale(&exact, 64), exact, "a picture of the right size is not touched");
}

#[test]
fn scaling_down_averages_over_the_area() {
    // A checkerboard of single pixels has no detail left at a quarter of its size: plain bilinear would alias.
    let checkerboard = RgbImage::from_fn(256, 256, |x, y| Rgb([if (x + y) % 2 == 0 { 255 } else { 0 }; 3]));
    for pixel in scale(&checkerboard, 64).pixels() {
        assert!(pixel.0[0].abs_diff(127) <= 2, "{pixel:?}");
    }
}

#[test]
fn crops_lie_inside_and_depend_on_seed_and_image_alone() {
    let picture = RgbImage::new(100, 64);
    let corners = |seed, image| crop_corners(&picture, 64, 4, Streams::new(seed), image);
    assert_eq!(corners(555, 0), corners(555, 0));
    assert_ne!(corners(555, 0), corners(555, 1));
    assert_ne!(corners(555, 0), corners(556, 0));
    assert!(corners(555, 0).iter().all(|&(x, y)| x <= 36 && y == 0));
}

#[test]
fn a_square_has_one_crop_and_a_single_crop_is_the_centre() {
    assert_eq!(crop_corners(&RgbImage::new(64, 64), 64, 4, Streams::new(1), 0), [(0, 0)]);
    assert_eq!(crop_corners(&RgbImage::new(100, 64), 64, 1, Streams::new(1), 0), [(18, 0)]);
}

#[test]
fn large_data_sets_get_fewer_crops_per_image() {
    assert_eq!([1, 6, 100, 150, 1000].map(crops_per_image), [4, 4, 4, 2, 1]);
}

#[test]
fn pixels_become_numbers_from_minus_one_to_one_with_channels_first() {
    let mut picture = RgbImage::from_pixel(12, 8, Rgb([0, 51, 255]));
    picture.put_pixel(5, 1, Rgb([255, 51, 255]));
    let square = crop(&picture, (4, 0), 8);
    assert_eq!(square.size(), [1, 3, 8, 8]);
    assert_eq!(square.double_value(&[0, 0, 0, 0]), -1.0);
    assert_eq!(square.double_value(&[0, 0, 1, 1]), 1.0, "row 1, column 1 of the crop");
    assert!((square.double_value(&[0, 1, 3, 3]) + 0.6).abs() < 1e-6);
    assert_eq!(square.double_value(&[0, 2, 7, 7]), 1.0);
}

/// CRC-32 of a PNG chunk.
fn crc32(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(!0u32, |crc, &byte| {
        (0..8).fold(crc ^ u32::from(byte), |crc, _| if crc & 1 == 1 { crc >> 1 ^ 0xEDB8_8320 } else { crc >> 1 })
    })
}
