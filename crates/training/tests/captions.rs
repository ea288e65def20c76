//! The caption rule of the original endpoint (spec section 1.4) and where captions come from.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::fs;
use std::path::Path;

use tempfile::TempDir;
use training::caption::{from_concept_name, from_file_beside, from_file_name};

#[test]
fn file_names_become_the_captions_of_the_original_endpoint() {
    let table = [
        ("wixbs (0).jpg", "wixbs "),
        ("my_dog-3.png", "my dog"),
        ("IMG_2041.JPG", "IMG "),
        ("2041.png", ""),
        ("ohwx123 man (4).png", "ohwx man "),
        ("photo.final (1).jpg", "photo.final "),
        ("x²y.png", "xy"),
        ("mid-century_chair (2).jpeg", "midcentury chair "),
        ("a  b__c.png", "a  b  c"),
    ];
    for (file, caption) in table {
        assert_eq!(from_file_name(Path::new(file)), caption, "{file}");
    }
}

#[test]
fn digits_of_every_script_vanish_and_other_numerals_stay() {
    assert_eq!(from_file_name(Path::new("a٣b४c①d₉e𝟙f🄀g፩h.png")), "abcdefgh");
    assert_eq!(from_file_name(Path::new("½ Ⅷ 五 ⑩.png")), "½ Ⅷ 五 ⑩");
}

#[test]
fn the_marker_word_is_removed_even_when_digits_or_hyphens_split_it() {
    assert_eq!(from_file_name(Path::new("sks conceptimagedb (1).png")), "sks  ");
    assert_eq!(from_file_name(Path::new("concept-image7db dog.png")), " dog");
}

#[test]
fn a_concept_name_is_a_caption_as_it_is_or_as_the_original_changed_it() {
    for (name, original) in [("zwx-7 dog_(1)", "zwx dog  "), ("wixbs", "wixbs "), ("a/b.c", "a/b.c ")] {
        assert_eq!(from_concept_name(name, true), name);
        assert_eq!(from_concept_name(name, false), original);
        if !name.contains('/') {
            let renamed = format!("{name} (12).jpg");
            assert_eq!(from_file_name(Path::new(&renamed)), original, "the original renamed the file first");
        }
    }
}

fn beside(file: &str, content: &[u8]) -> (TempDir, Result<Option<String>, String>) {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join(file), content).unwrap();
    let caption = from_file_beside(&dir.path().join("dog.jpg")).map_err(|unusable| {
        assert_eq!(unusable.path, dir.path().join(file));
        unusable.reason
    });
    (dir, caption)
}

#[test]
fn the_first_line_of_a_text_file_beside_the_image_is_its_caption() {
    let table: [(&str, &[u8], Option<&str>); 8] = [
        ("dog.txt", b"a photo of zwx dog-7", Some("a photo of zwx dog-7")),
        ("dog.TXT", b"a dog", Some("a dog")),
        ("dog.caption", b"a dog", Some("a dog")),
        ("dog.txt", b"\xEF\xBB\xBF \r\n\r\n  a dog \r\nand more", Some("a dog")),
        ("dog.txt", "ein süßer Hund".as_bytes(), Some("ein süßer Hund")),
        ("dog.txt", b"", None),
        ("dog.txt", b"\xEF\xBB\xBF\n \n", None),
        ("cat.txt", b"a cat", None),
    ];
    for (file, content, caption) in table {
        assert_eq!(beside(file, content).1.unwrap().as_deref(), caption, "{file}: {content:?}");
    }
}

#[test]
fn a_caption_file_that_is_no_text_is_refused_with_a_reason() {
    assert_eq!(beside("dog.txt", b"\xFF\xFEa\0").1.unwrap_err(), "it is no UTF-8 text");
    let large = beside("dog.txt", &vec![b'a'; 70_000]).1.unwrap_err();
    assert_eq!(large, "it has 70000 bytes, but a caption has at most 65536");
}

#[cfg(unix)]
#[test]
fn a_link_is_no_caption() {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("secret"), "password").unwrap();
    std::os::unix::fs::symlink(dir.path().join("secret"), dir.path().join("dog.txt")).unwrap();
    assert_eq!(from_file_beside(&dir.path().join("dog.jpg")), Ok(None));
}
