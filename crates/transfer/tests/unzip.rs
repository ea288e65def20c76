//! A zip of photos unpacks to its files and to nothing else, however it was made.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod web;

use std::io::{Cursor, Write};
use std::path::{Path, PathBuf};

use protocol::FailureCode;
use transfer::unzip::unpack;
use transfer::{TransferError, Unpacked, UnzipLimits};
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipWriter};

/// A zip with these entries, packed with deflate.
fn zip_of(entries: &[(&str, &[u8])]) -> Vec<u8> {
    zip_with(entries, SimpleFileOptions::default().compression_method(CompressionMethod::Deflated))
}

fn zip_with(entries: &[(&str, &[u8])], options: SimpleFileOptions) -> Vec<u8> {
    let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
    for (name, bytes) in entries {
        writer.start_file(*name, options).unwrap();
        writer.write_all(bytes).unwrap();
    }
    writer.finish().unwrap().into_inner()
}

struct Outcome {
    result: Result<Unpacked, TransferError>,
    files: Vec<String>,
    dir: tempfile::TempDir,
}

impl Outcome {
    fn read(&self, file: &str) -> Vec<u8> {
        std::fs::read(self.dir.path().join("images").join(file)).unwrap()
    }

    /// The sentence of a failure that left nothing behind.
    fn refused(self) -> String {
        assert_eq!(self.files, Vec::<String>::new());
        assert_eq!(web::files_below(self.dir.path()), ["data.zip"]);
        self.result.unwrap_err().to_string()
    }
}

fn unpack_bytes(zip: &[u8], limits: UnzipLimits) -> Outcome {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("data.zip");
    std::fs::write(&path, zip).unwrap();
    let images = dir.path().join("images");
    let result = unpack(&path, &images, limits);
    let files = if images.exists() { web::files_below(&images) } else { Vec::new() };
    Outcome { result, files, dir }
}

fn photos(entries: &[(&str, &[u8])]) -> Outcome {
    unpack_bytes(&zip_of(entries), UnzipLimits::PHOTOS)
}

#[test]
fn sub_folders_are_flattened_and_no_file_is_lost_or_renamed() {
    let outcome = photos(&[
        ("dog.jpg", b"1"),
        ("a/dog.jpg", b"22"),
        ("a/b/dog.jpg", b"333"),
        ("2/cat.png", b"4"),
        ("my dog (2).JPG", b"5"),
    ]);
    assert_eq!(outcome.files, ["2/dog.jpg", "3/dog.jpg", "cat.png", "dog.jpg", "my dog (2).JPG"]);
    assert_eq!(outcome.read("dog.jpg"), b"1");
    assert_eq!(outcome.read("2/dog.jpg"), b"22");
    assert_eq!(outcome.read("3/dog.jpg"), b"333");
    assert_eq!(outcome.result.unwrap(), Unpacked { files: 5, bytes: 8, skipped: 0 });
}

#[test]
fn a_file_named_like_the_folder_of_second_ones_is_no_obstacle() {
    let outcome = photos(&[("2", b"two"), ("dog.jpg", b"1"), ("a/dog.jpg", b"2")]);
    assert_eq!(outcome.files, ["2", "3/dog.jpg", "dog.jpg"]);
    let outcome = photos(&[("dog.jpg", b"1"), ("a/dog.jpg", b"2"), ("2", b"two")]);
    assert_eq!(outcome.files, ["2/2", "2/dog.jpg", "dog.jpg"]);
}

#[test]
fn no_name_leads_out_of_the_folder() {
    let names = [
        "../up.jpg",
        "../../../../tmp/up2.jpg",
        "/etc/root.jpg",
        "a/../../side.jpg",
        "..\\..\\win.jpg",
        "C:\\win\\drive.jpg",
        "\\\\host\\share\\unc.jpg",
        "a/./dot.jpg",
        "colon:name.jpg",
        "line\nbreak.jpg",
        "é ü.jpg",
    ];
    let entries: Vec<(&str, &[u8])> = names.iter().map(|name| (*name, &b"x"[..])).collect();
    let outcome = photos(&entries);
    assert_eq!(
        outcome.files,
        [
            "colon_name.jpg",
            "dot.jpg",
            "drive.jpg",
            "line_break.jpg",
            "root.jpg",
            "side.jpg",
            "unc.jpg",
            "up.jpg",
            "up2.jpg",
            "win.jpg",
            "é ü.jpg"
        ]
    );
    assert_eq!(web::files_below(outcome.dir.path()).len(), 1 + names.len(), "nothing beside the folder");
}

#[test]
fn litter_links_and_folders_are_left_out() {
    let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
    let options = SimpleFileOptions::default();
    writer.add_directory("photos/", options).unwrap();
    writer.add_symlink("photos/passwd.jpg", "/etc/passwd", options).unwrap();
    for name in [
        "__MACOSX/._dog.jpg",
        "__MACOSX/photos/dog.jpg",
        "photos/._dog.jpg",
        ".DS_Store",
        "photos/..",
        "photos/dog.jpg",
    ] {
        writer.start_file(name, options).unwrap();
        writer.write_all(b"x").unwrap();
    }
    let outcome = unpack_bytes(&writer.finish().unwrap().into_inner(), UnzipLimits::PHOTOS);
    assert_eq!(outcome.files, ["dog.jpg"]);
    assert_eq!(outcome.result.unwrap(), Unpacked { files: 1, bytes: 1, skipped: 7 });
}

#[test]
fn a_name_too_long_for_the_disk_is_cut_and_keeps_its_extension() {
    let name = format!("{}é.jpg", "x".repeat(400));
    let outcome = photos(&[(&name, b"x")]);
    assert_eq!(outcome.files, [format!("{}.jpg", "x".repeat(251))]);
}

#[test]
fn what_is_no_zip_is_named_for_what_it_is() {
    let table: [(&[u8], &str); 7] = [
        (b"", "empty"),
        (b"<!doctype html><title>Sign in</title>", "a web page titled \"Sign in\""),
        (b"Rar!\x1a\x07\x01\x00", "a RAR archive"),
        (b"7z\xbc\xaf\x27\x1c", "a 7z archive"),
        (b"\x1f\x8b\x08", "a gzip archive"),
        (b"\xff\xd8\xff\xe0", "a single image"),
        (b"hello", "a file of unknown kind"),
    ];
    for (bytes, found) in table {
        let sentence = unpack_bytes(bytes, UnzipLimits::PHOTOS).refused();
        assert!(sentence.starts_with(&format!("data.zip is {found}, but must be a zip file")), "{sentence}");
    }
}

#[test]
fn an_empty_zip_unpacks_to_an_empty_folder() {
    assert_eq!(photos(&[]).result.unwrap(), Unpacked::default());
}

#[test]
fn a_zip_cut_off_anywhere_is_refused_and_leaves_nothing() {
    let whole = zip_of(&[("dog.jpg", b"a photo of a dog"), ("cat.jpg", b"a photo of a cat")]);
    for end in 4..whole.len() {
        let sentence = unpack_bytes(&whole[..end], UnzipLimits::PHOTOS).refused();
        assert!(sentence.contains("damaged or cut off"), "{end}: {sentence}");
    }
}

#[test]
fn a_damaged_entry_is_named() {
    let mut zip = zip_with(
        &[("cat.jpg", b"fine"), ("dog.jpg", b"a photo of a dog")],
        SimpleFileOptions::default().compression_method(CompressionMethod::Stored),
    );
    let at = zip.windows(5).position(|window| window == b"photo").unwrap();
    zip[at] ^= 1;
    let sentence = unpack_bytes(&zip, UnzipLimits::PHOTOS).refused();
    assert!(sentence.contains("dog.jpg in it is damaged"), "{sentence}");
}

#[test]
fn no_flipped_byte_makes_it_panic_or_leave_the_folder() {
    flip_every_byte(&zip_of(&[("dog.jpg", b"a photo of a dog"), ("a/cat.jpg", b"a photo of a cat")]));
}

fn flip_every_byte(whole: &[u8]) {
    let dir = tempfile::tempdir().unwrap();
    for at in 0..whole.len() {
        for flip in [0x01, 0x80, 0xff] {
            let mut zip = whole.to_owned();
            zip[at] ^= flip;
            let path = dir.path().join("data.zip");
            std::fs::write(&path, zip).unwrap();
            let images = dir.path().join("images");
            if unpack(&path, &images, UnzipLimits::PHOTOS).is_ok() {
                std::fs::remove_dir_all(&images).unwrap();
            }
            assert_eq!(web::files_below(dir.path()), ["data.zip"]);
        }
    }
}

#[test]
fn a_zip_with_a_password_is_refused_with_the_remedy() {
    // The bit "encrypted" in the flags of both headers of the only entry.
    let mut zip = zip_of(&[("dog.jpg", b"a photo of a dog, at least twelve bytes")]);
    let central = zip.windows(4).position(|window| window == b"PK\x01\x02").unwrap();
    zip[6] |= 1;
    zip[central + 8] |= 1;
    let sentence = unpack_bytes(&zip, UnzipLimits::PHOTOS).refused();
    assert!(sentence.contains("dog.jpg in it is protected by a password; make the zip again without"), "{sentence}");
}

#[test]
fn a_bomb_goes_off_at_the_limit_it_meets_first() {
    let zeros = vec![0; 4 << 20];
    let zip = zip_of(&[("bomb.jpg", &zeros)]);
    assert!(zip.len() < 10_000);
    let sentence = unpack_bytes(&zip, UnzipLimits::PHOTOS).refused();
    assert!(sentence.contains("bomb.jpg in it unpacks to more than 200 times its size"), "{sentence}");

    let generous = UnzipLimits { ratio: 100_000, ..UnzipLimits::PHOTOS };
    let sentence = unpack_bytes(&zip, UnzipLimits { file_bytes: 3 << 20, ..generous }).refused();
    assert!(
        sentence.contains("bomb.jpg in it is larger than 3145728 bytes; send fewer or smaller images"),
        "{sentence}"
    );

    let many = zip_of(&[("a.jpg", &zeros), ("b.jpg", &zeros)]);
    let sentence = unpack_bytes(&many, UnzipLimits { total_bytes: 7 << 20, ..generous }).refused();
    assert!(sentence.contains("larger than 7340032 bytes together"), "{sentence}");
    assert_eq!(unpack_bytes(&many, generous).result.unwrap().bytes, 8 << 20);
}

#[test]
fn a_zip_that_lies_about_its_sizes_is_counted() {
    let mut zip = zip_of(&[("bomb.jpg", &vec![0; 4 << 20])]);
    let central = zip.windows(4).position(|window| window == b"PK\x01\x02").unwrap();
    // "Unpacked size: 10 bytes", in both headers.
    for at in [22, central + 24] {
        zip[at..at + 4].copy_from_slice(&10_u32.to_le_bytes());
    }
    unpack_bytes(&zip, UnzipLimits::PHOTOS).refused();
}

/// `count` photos of one byte, each followed by what `twin` names.
fn zip_of_photos(count: usize, twin: impl Fn(usize) -> Vec<String>) -> Vec<u8> {
    let names: Vec<String> =
        (0..count).flat_map(|n| std::iter::once(format!("photos/{n}.jpg")).chain(twin(n))).collect();
    let entries: Vec<(&str, &[u8])> = names.iter().map(|name| (name.as_str(), &b"x"[..])).collect();
    zip_of(&entries)
}

#[test]
fn a_thousand_photos_are_taken_and_one_more_is_not() {
    assert_eq!(unpack_bytes(&zip_of_photos(1000, |_| vec![]), UnzipLimits::PHOTOS).result.unwrap().files, 1000);
    let outcome = unpack_bytes(&zip_of_photos(1001, |_| vec![]), UnzipLimits::PHOTOS);
    assert_eq!(outcome.result.as_ref().unwrap_err().code(), FailureCode::DataTooLarge);
    let sentence = outcome.refused();
    assert!(sentence.contains("it has more than 1000 files; send fewer or smaller images"), "{sentence}");
}

#[test]
fn the_twins_that_a_mac_packs_do_not_count_as_photos() {
    let twin = |n| vec![format!("__MACOSX/photos/._{n}.jpg")];
    let outcome = unpack_bytes(&zip_of_photos(1000, twin), UnzipLimits::PHOTOS);
    assert_eq!(outcome.result.unwrap(), Unpacked { files: 1000, bytes: 1000, skipped: 1000 });
}

#[test]
fn entries_of_any_kind_are_bounded_before_they_are_listed() {
    let litter = |n| (0..9).map(|litter| format!("__MACOSX/photos/._{n}.{litter}")).collect();
    let sentence = unpack_bytes(&zip_of_photos(410, litter), UnzipLimits::PHOTOS).refused();
    assert!(sentence.contains("it has more than 4096 entries; send fewer"), "{sentence}");
    // A reader looks for the end a little farther back than the longest comment.
    let mut zip = zip_of_photos(410, litter);
    zip.extend(vec![0; 65_540]);
    let sentence = unpack_bytes(&zip, UnzipLimits::PHOTOS).refused();
    assert!(sentence.contains("it has more than 4096 entries"), "{sentence}");
}

#[test]
fn a_list_of_huge_names_is_refused_before_it_is_read() {
    let names: Vec<String> = (0..150).map(|n| format!("{n}{}", "x".repeat(60_000))).collect();
    let entries: Vec<(&str, &[u8])> = names.iter().map(|name| (name.as_str(), &b"x"[..])).collect();
    let sentence = photos(&entries).refused();
    assert!(sentence.contains("its list of files is longer than 8388608 bytes"), "{sentence}");
}

/// The same zip with an end record in the form for large archives, as packers write it that do not know the size
/// beforehand; `change` may spoil the record.
fn as_zip64(zip: &[u8], change: impl Fn(&mut Vec<u8>)) -> Vec<u8> {
    let (body, end) = zip.split_at(zip.len() - 22);
    let short = |at: usize| u64::from(u16::from_le_bytes([end[at], end[at + 1]])).to_le_bytes();
    let long = |at: usize| u64::from(u32::from_le_bytes(end[at..at + 4].try_into().unwrap())).to_le_bytes();
    let mut record = [b"PK\x06\x06".as_slice(), &44_u64.to_le_bytes(), &[45, 0, 45, 0], &[0; 8]].concat();
    record.extend([short(8), short(10), long(12), long(16)].concat());
    change(&mut record);
    let locator = [b"PK\x06\x07".as_slice(), &[0; 4], &(body.len() as u64).to_le_bytes(), &[1, 0, 0, 0]].concat();
    let end = [b"PK\x05\x06".as_slice(), &[0; 4], &[0xff; 12], &[0; 2]].concat();
    [body, &record, &locator, &end].concat()
}

#[test]
fn a_zip_in_the_form_for_large_archives_is_unpacked() {
    let options = SimpleFileOptions::default().compression_method(CompressionMethod::Deflated).large_file(true);
    let zip = zip_with(&[("dog.jpg", b"a photo of a dog"), ("a/cat.jpg", b"a photo of a cat")], options);
    let outcome = unpack_bytes(&as_zip64(&zip, |_| {}), UnzipLimits::PHOTOS);
    assert_eq!(outcome.files, ["cat.jpg", "dog.jpg"]);
    assert_eq!(outcome.read("dog.jpg"), b"a photo of a dog");
    assert_eq!(outcome.result.unwrap().files, 2);
}

#[test]
fn the_form_for_large_archives_is_no_way_around_the_limits() {
    let zip = zip_of_photos(410, |n| (0..9).map(|litter| format!("__MACOSX/photos/._{n}.{litter}")).collect());
    let sentence = unpack_bytes(&as_zip64(&zip, |_| {}), UnzipLimits::PHOTOS).refused();
    assert!(sentence.contains("it has more than 4096 entries"), "{sentence}");

    let small = zip_of(&[("dog.jpg", b"a photo of a dog")]);
    let lies: [fn(&mut Vec<u8>); 6] = [
        |record| record[24..40].fill(0xff), // entries beyond counting
        |record| record[32..40].copy_from_slice(&4097_u64.to_le_bytes()), // more than on this disk
        |record| record[48..56].fill(0xff), // the list behind the end
        |record| record[4..12].copy_from_slice(&u64::MAX.to_le_bytes()), // a record without end
        |record| record[0] = b'Q',          // no record, so a reader would search
        |record| record.extend([0; 8]),     // not where the locator says
    ];
    for lie in lies {
        let sentence = unpack_bytes(&as_zip64(&small, lie), UnzipLimits::PHOTOS).refused();
        assert!(sentence.contains("damaged or cut off"), "{sentence}");
    }
    // Without the record's locator, its count is taken at its word.
    let mut zip = small;
    let end = zip.len() - 22;
    zip[end + 8..end + 12].fill(0xff);
    assert!(unpack_bytes(&zip, UnzipLimits::PHOTOS).refused().contains("more than 4096 entries"));
}

#[test]
fn no_flipped_byte_of_the_large_form_makes_it_panic_or_leave_the_folder() {
    let zip = as_zip64(&zip_of(&[("dog.jpg", b"a photo of a dog")]), |_| {});
    flip_every_byte(&zip);
}

#[test]
fn an_existing_folder_with_files_is_not_touched() {
    let dir = tempfile::tempdir().unwrap();
    let (zip, images) = (dir.path().join("data.zip"), dir.path().join("images"));
    std::fs::write(&zip, zip_of(&[("dog.jpg", b"x")])).unwrap();
    std::fs::create_dir(&images).unwrap();
    std::fs::write(images.join("mine.jpg"), "mine").unwrap();
    unpack(&zip, &images, UnzipLimits::PHOTOS).unwrap_err();
    assert_eq!(web::files_below(dir.path()), ["data.zip", "images/mine.jpg"]);
}

/// The two real zips of the material that the project started from, if it lies beside the checkout.
fn real_zip(name: &str) -> Option<PathBuf> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data/zips").join(name);
    if !path.is_file() {
        writeln!(std::io::stdout().lock(), "skipped: {} is not there", path.display()).unwrap();
        return None;
    }
    Some(path)
}

#[test]
fn the_real_training_zips_give_their_photos() {
    for (name, photos) in [("dog_flat.zip", 5), ("dog_nested_macosx.zip", 6)] {
        let Some(zip) = real_zip(name) else { continue };
        let dir = tempfile::tempdir().unwrap();
        let images = dir.path().join("images");
        let unpacked = unpack(&zip, &images, UnzipLimits::PHOTOS).unwrap();
        let files = web::files_below(&images);
        assert_eq!((unpacked.files, files.len()), (photos, photos as usize), "{files:?}");
        assert!(files.iter().all(|file| file.ends_with(".jpg")));
    }
}
