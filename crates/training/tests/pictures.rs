//! From an image file to its pixels.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::fs;
use std::io::Cursor;
use std::path::Path;

use image::{ImageFormat, Rgb, RgbImage};
use training::dataset::Photo;
use training::picture::decode;

fn write(dir: &Path, name: &str, bytes: &[u8]) -> Photo {
    fs::write(dir.join(name), bytes).unwrap();
    Photo::at(dir.join(name))
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
    let as_stored = decode(&Photo { exif_orientation: false, ..Photo::at(dir.path().join("b.jpg")) }).unwrap();
    assert_eq!(as_stored, stored, "as the original read it");
}

/// Where the stored picture's corner, its top left one, is seen: left or right, top or bottom.
#[test]
fn every_exif_orientation_turns_the_photo_upright() {
    let dir = tempfile::tempdir().unwrap();
    let marked = RgbImage::from_fn(64, 32, |x, y| Rgb(if x < 16 && y < 16 { [250, 0, 0] } else { [0, 0, 250] }));
    let jpeg = encoded(&marked, ImageFormat::Jpeg);
    let upright = [
        (1, (64, 32), (4, 4)),
        (2, (64, 32), (60, 4)),
        (3, (64, 32), (60, 28)),
        (4, (64, 32), (4, 28)),
        (5, (32, 64), (4, 4)),
        (6, (32, 64), (28, 4)),
        (7, (32, 64), (28, 60)),
        (8, (32, 64), (4, 60)),
    ];
    for (orientation, size, (x, y)) in upright {
        let picture = decode(&write(dir.path(), "a.jpg", &with_orientation(&jpeg, orientation))).unwrap();
        assert_eq!(picture.dimensions(), size, "orientation {orientation}");
        assert!(picture.get_pixel(x, y).0[0] > 200, "orientation {orientation}");
    }
    let unknown = decode(&write(dir.path(), "a.jpg", &with_orientation(&jpeg, 9))).unwrap();
    assert_eq!(unknown.dimensions(), (64, 32), "an unknown one turns nothing");
}

#[test]
fn what_an_image_is_depends_on_its_bytes_not_its_name() {
    let dir = tempfile::tempdir().unwrap();
    let png = encoded(&red_and_blue(16, 16), ImageFormat::Png);
    assert_eq!(decode(&write(dir.path(), "really-a-png.jpg", &png)).unwrap().dimensions(), (16, 16));
    let jpeg = encoded(&red_and_blue(16, 16), ImageFormat::Jpeg);
    assert_eq!(decode(&write(dir.path(), "really-a-jpeg.png", &jpeg)).unwrap().dimensions(), (16, 16));
}

#[test]
fn webp_and_bmp_are_read_as_exactly_as_png() {
    let dir = tempfile::tempdir().unwrap();
    let picture = red_and_blue(24, 16);
    for (name, format) in [("a.png", ImageFormat::Png), ("a.webp", ImageFormat::WebP), ("a.bmp", ImageFormat::Bmp)] {
        let bytes = encoded(&picture, format);
        assert_eq!(decode(&write(dir.path(), name, &bytes)).unwrap(), picture, "{name}");
        for length in 0..bytes.len() - 1 {
            // A cut may fall into padding that nobody needs; it must not change the picture unsaid.
            if let Ok(cut) = decode(&write(dir.path(), name, &bytes[..length])) {
                assert_eq!(cut, picture, "{name} of {length} bytes");
            }
        }
    }
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
    let error = decode(&Photo::at(dir.path().join("absent.jpg"))).unwrap_err().to_string();
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

/// CRC-32 of a PNG chunk.
fn crc32(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(!0u32, |crc, &byte| {
        (0..8).fold(crc ^ u32::from(byte), |crc, _| if crc & 1 == 1 { crc >> 1 ^ 0xEDB8_8320 } else { crc >> 1 })
    })
}
