//! The caption rule of the original endpoint (spec section 1.4) and where captions come from.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::path::Path;

use training::caption::from_file_name;
use training::dataset::find_photos;

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
fn a_concept_name_is_the_caption_of_every_image_as_it_is() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("IMG_1.jpg"), b"").unwrap();
    std::fs::write(dir.path().join("IMG_2.jpg"), b"").unwrap();
    let captions = |concept| find_photos(dir.path(), concept).unwrap().into_iter().map(|photo| photo.caption);
    assert_eq!(captions(Some("zwx-7 dog_(1)")).collect::<Vec<_>>(), ["zwx-7 dog_(1)", "zwx-7 dog_(1)"]);
    assert_eq!(captions(None).collect::<Vec<_>>(), ["IMG ", "IMG "]);
}
