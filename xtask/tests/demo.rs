//! The demo's own parts: the sample concept, its zip, its web space, the contact sheet.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::io::{Cursor, Read, Write};
use std::net::TcpStream;

use image::{Rgb, RgbImage};
use xtask::demo::concept::Photo;
use xtask::demo::sheet::{LARGE, SMALL, Section, sheet};
use xtask::demo::{concept, file_server};

fn ask(url: &str, method: &str, path: &str) -> String {
    let address = url.trim_start_matches("http://").split('/').next().unwrap();
    let mut stream = TcpStream::connect(address).unwrap();
    write!(stream, "{method} {path} HTTP/1.1\r\nHost: {address}\r\n\r\n").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

#[test]
fn the_zip_holds_one_named_jpeg_for_each_photo_and_the_captions_there_are() {
    let photo = |caption: Option<&str>| Photo { picture: RgbImage::new(16, 16), caption: caption.map(str::to_owned) };
    let zip = concept::zip(&[photo(Some("photo of a daiton woman")), photo(None)]).unwrap();
    let mut archive = zip::ZipArchive::new(Cursor::new(zip)).unwrap();
    assert_eq!(archive.len(), 3);
    let mut caption = String::new();
    archive.by_name("daiton (0).txt").unwrap().read_to_string(&mut caption).unwrap();
    assert_eq!(caption, "photo of a daiton woman");
    let mut jpeg = Vec::new();
    archive.by_name("daiton (1).jpg").unwrap().read_to_end(&mut jpeg).unwrap();
    assert_eq!(image::load_from_memory(&jpeg).unwrap().width(), 16);
}

#[test]
fn the_web_space_gives_its_file_and_no_other() {
    let url = file_server::serve("/concept.zip", "application/zip", b"bytes of a zip".to_vec()).unwrap();
    let whole = ask(&url, "GET", "/concept.zip");
    assert!(whole.starts_with("HTTP/1.1 200 OK") && whole.ends_with("\r\n\r\nbytes of a zip"), "{whole}");
    assert!(ask(&url, "HEAD", "/concept.zip").contains("Content-Length: 14"));
    assert!(ask(&url, "GET", "/../etc/passwd").starts_with("HTTP/1.1 404"));
    assert!(ask(&url, "POST", "/concept.zip").starts_with("HTTP/1.1 404"));
}

#[test]
fn the_contact_sheet_has_room_for_everything() {
    let small = vec![RgbImage::from_pixel(64, 64, Rgb([200, 0, 0])); 8];
    let wide = [RgbImage::from_pixel(192, 128, Rgb([0, 0, 200]))];
    let section = |pictures, captions, side| Section { heading: "daiton".into(), pictures, captions, side, per_row: 5 };
    let sheet = sheet(&[section(&small, &[], SMALL), section(&wide, &["a photo of daiton"], LARGE)]);
    let has = |colour: Rgb<u8>| sheet.pixels().filter(|pixel| **pixel == colour).count() as u32;
    assert_eq!(has(Rgb([200, 0, 0])), 8 * SMALL * SMALL);
    assert_eq!(has(Rgb([0, 0, 200])), LARGE * (LARGE * 2 / 3));
}
