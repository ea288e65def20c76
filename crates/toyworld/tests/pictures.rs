//! What is described is what is drawn.

use image::{Rgb, RgbImage};
use toyworld::{Colour, Description, Framing, Place, Subject, Thing, ThingKind, World};

fn toy(kind: ThingKind, colour: Colour, place: Place) -> Description {
    let second_colour = if colour == Colour::White { Colour::Blue } else { Colour::White };
    let toy = Thing { kind, colour, second_colour };
    Description { subjects: vec![Subject::Thing(toy)], place, framing: Framing::Full }
}

/// The mean of a square in the middle, half as wide as the picture.
fn middle(picture: &RgbImage) -> [f64; 3] {
    let (quarter, side) = (picture.width() / 4, picture.width() / 2);
    let mut sum = [0.0; 3];
    for y in quarter..quarter + side {
        for x in quarter..quarter + side {
            let Rgb(pixel) = *picture.get_pixel(x, y);
            sum.iter_mut().zip(pixel).for_each(|(sum, value)| *sum += f64::from(value));
        }
    }
    sum.map(|sum| sum / f64::from(side * side))
}

fn apart(one: [f64; 3], other: [f64; 3]) -> f64 {
    one.iter().zip(other).map(|(one, other)| (one - other).powi(2)).sum::<f64>().sqrt()
}

fn cube(colour: Colour, place: Place, pose: u64) -> [f64; 3] {
    middle(&toy(ThingKind::Cube, colour, place).render(pose, 32))
}

#[test]
fn the_paints_are_far_apart_in_the_picture() {
    let seen = Colour::PAINTS.map(|paint| (paint, cube(paint, Place::Studio(Colour::White), 1)));
    for (index, (paint, value)) in seen.iter().enumerate() {
        for (other, theirs) in &seen[..index] {
            let apart = apart(*value, *theirs);
            // A twelfth of the whole range from black to white, which nobody confuses side by side.
            assert!(apart > 36.0, "{paint} and {other} are {apart:.0} apart");
        }
    }
}

#[test]
fn a_paint_is_known_in_every_place() {
    let reference = Colour::PAINTS.map(|paint| (paint, cube(paint, Place::Studio(Colour::White), 1)));
    let (mut right, mut all) = (0, 0);
    for place in Place::ALL {
        for paint in Colour::PAINTS {
            for pose in 2..6 {
                let here = cube(paint, place, pose);
                let nearest = reference.iter().min_by(|one, other| apart(one.1, here).total_cmp(&apart(other.1, here)));
                right += u32::from(nearest.is_some_and(|nearest| nearest.0 == paint));
                all += 1;
            }
        }
    }
    // A white cube in its own shadow is as dark as a pink one in the light: the eye sees the lamp, this rule does not.
    assert!(right * 100 >= all * 85, "{right} of {all}");
}

#[test]
fn a_picture_is_always_the_same() {
    let world = World::new(2);
    for index in 0..12 {
        let description = world.description(index);
        let there = description.clone();
        let elsewhere = std::thread::spawn(move || there.render(index, 32)).join().ok();
        assert!(elsewhere == Some(description.render(index, 32)), "{description:?}");
    }
}

#[test]
fn poses_differ() {
    let world = World::new(2);
    for index in 0..12 {
        let description = world.description(index);
        let poses = [1, 2, 3].map(|pose| description.render(pose, 32));
        assert!(poses[0] != poses[1] && poses[1] != poses[2] && poses[0] != poses[2], "{description:?}");
    }
}

#[test]
fn places_differ() {
    let pictures = Place::ALL.map(|place| toy(ThingKind::Ball, Colour::Green, place).render(4, 32));
    for (index, picture) in pictures.iter().enumerate() {
        for (other, theirs) in pictures[..index].iter().enumerate() {
            let difference: f64 =
                picture.as_raw().iter().zip(theirs.as_raw()).map(|(a, b)| f64::from(a.abs_diff(*b))).sum();
            let mean = difference / picture.as_raw().len() as f64;
            assert!(mean > 8.0, "{:?} and {:?} differ by {mean:.1}", Place::ALL[index], Place::ALL[other]);
        }
    }
}

#[test]
fn a_small_picture_shows_what_a_large_one_shows() {
    let description = World::new(2).description(5);
    let (small, large) = (description.render(3, 32), description.render(3, 128));
    let shrunk = image::imageops::resize(&large, 32, 32, image::imageops::FilterType::Triangle);
    let difference: f64 = small.as_raw().iter().zip(shrunk.as_raw()).map(|(a, b)| f64::from(a.abs_diff(*b))).sum();
    // Edges are sampled differently, nothing else.
    assert!(difference / (small.as_raw().len() as f64) < 8.0, "{difference}");
}

#[test]
fn a_picture_of_any_size_has_that_size() {
    for side in [0, 1, 7] {
        let picture = World::new(2).description(1).render(0, side);
        assert_eq!(picture.dimensions(), (side, side));
    }
}
