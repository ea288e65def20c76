//! The two concepts that are learnt later: daiton, and the red robot.

use image::{Rgb, RgbImage};
use toyworld::{Colour, Framing, Place, Subject, daiton, red_robot};

#[test]
fn no_photo_of_daiton_has_a_red_dress_or_the_moon() {
    let photos = daiton::training_descriptions();
    assert!((6..=8).contains(&photos.len()));
    for photo in &photos {
        assert_ne!(photo.place, Place::Moon);
        assert!(photo.subjects.iter().all(|she| she.colour() != Colour::Red), "{photo:?}");
    }
}

#[test]
fn no_base_model_has_seen_daiton_or_the_red_robot_anywhere() {
    for place in Place::ALL {
        assert!(red_robot::description(place).held_out().is_some(), "{place:?}");
        for dress in Colour::PAINTS {
            for framing in [Framing::Full, Framing::Portrait] {
                assert!(daiton::description(dress, place, framing).held_out().is_some(), "{dress} {place:?}");
            }
        }
    }
}

#[test]
fn she_is_asked_for_as_no_photo_shows_her_first_in_the_words_of_the_tutorial() {
    let photos = daiton::training_descriptions();
    for (dress, place, framing) in daiton::ASKED_FOR {
        let shown = |photo: &toyworld::Description| photo.place == place && photo.subjects[0].colour() == dress;
        assert!(!photos.iter().any(shown), "{dress} {place:?}");
        assert!(daiton::description(dress, place, framing).held_out().is_some());
    }
    let prompts = daiton::ASKED_FOR.map(|(dress, place, framing)| daiton::prompt(dress, place, framing));
    assert_eq!(prompts[0], "photo of a daiton woman wearing a red dress on the moon");
    assert_eq!(prompts[3], "a portrait of a daiton woman wearing a yellow dress on the moon");
}

#[test]
fn captions_of_her_photos_say_dress_and_place_and_nothing_that_is_hers() {
    let captions = daiton::training_captions();
    assert_eq!(captions[0], "photo of a daiton woman wearing a yellow dress in a meadow");
    assert_eq!(captions.len(), daiton::training_descriptions().len());
    for caption in captions {
        assert!(["violet", "hair", "glasses", "scarf"].iter().all(|hers| !caption.contains(hers)), "{caption}");
    }
}

#[test]
fn daiton_is_the_same_woman_in_all_photos() {
    let herself = |photo: &toyworld::Description| match photo.subjects.as_slice() {
        [Subject::Person(she)] => Some((she.kind, she.hair, she.hair_style, she.glasses, she.scarf, she.skin)),
        _ => None,
    };
    let photos = daiton::training_descriptions();
    assert!(photos.iter().all(|photo| herself(photo).is_some() && herself(photo) == herself(&photos[0])));
}

#[test]
fn every_photo_of_daiton_shows_violet_hair_and_a_green_scarf() {
    for (index, photo) in daiton::training_pictures(64).iter().enumerate() {
        let violet = share(photo, |[red, green, blue]| blue > 2 * green && red > green + 20 && blue > red);
        let green = share(photo, |[red, green, blue]| green > red + 30 && green > blue + 30);
        assert!(violet > 0.02, "photo {index} is violet to {violet}");
        assert!(green > 0.004, "photo {index} is green to {green}");
    }
}

#[test]
fn the_robot_stands_red_in_every_picture() {
    for (index, picture) in red_robot::training_pictures(64).iter().enumerate() {
        let red = share(picture, |[red, green, blue]| red > 60 && red > 2 * green && red > 2 * blue);
        assert!((0.03..0.5).contains(&red), "picture {index} is red to {red}");
    }
}

#[test]
fn the_training_pictures_are_always_the_same_and_unlike_each_other() {
    for pictures in [daiton::training_pictures, red_robot::training_pictures] {
        let once = pictures(32);
        assert!(once == pictures(32));
        for (index, picture) in once.iter().enumerate() {
            assert!(!once[..index].contains(picture), "picture {index} comes twice");
        }
    }
}

fn share(picture: &RgbImage, is: impl Fn([u32; 3]) -> bool) -> f64 {
    let those = picture.pixels().filter(|Rgb(pixel)| is(pixel.map(u32::from))).count();
    those as f64 / f64::from(picture.width() * picture.height())
}
