//! From a photo's pixels to the frames that the VAE sees: squares, or frames of about the photo's shape.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use engine::tch::Tensor;
use image::{Rgb, RgbImage};
use protocol::Crop;
use training::dataset::{Photo, Role};
use training::framing::{Frame, Framing, buckets, centre, crop, crops_per_image, random_corners, scale};
use training::noise::Streams;

const SQUARE: Frame = Frame { width: 64, height: 64 };

fn framing(resolution: u32) -> Framing {
    Framing { resolution, buckets: false, crop: Crop::Random, crops: 4, mirrored: false, streams: Streams::new(555) }
}

fn sized(width: u32, height: u32, role: Role) -> Photo {
    Photo { size: (width, height), role, ..Photo::at("dog.jpg".into()) }
}

fn frame(width: u32, height: u32) -> Frame {
    Frame { width, height }
}

#[test]
fn the_shorter_side_becomes_the_resolution_and_the_longer_is_rounded_down() {
    assert_eq!(scale(&RgbImage::new(100, 67), SQUARE).dimensions(), (95, 64));
    assert_eq!(scale(&RgbImage::new(67, 100), SQUARE).dimensions(), (64, 95));
    assert_eq!(scale(&RgbImage::new(20, 10), SQUARE).dimensions(), (128, 64), "small pictures grow");
    let exact = RgbImage::from_fn(80, 64, |x, y| Rgb([x as u8, y as u8, 0]));
    assert_eq!(scale(&exact, SQUARE), exact, "a picture of the right size is not touched");
}

#[test]
fn a_picture_just_covers_a_frame_of_another_shape() {
    assert_eq!(scale(&RgbImage::new(100, 100), frame(128, 64)).dimensions(), (128, 128));
    assert_eq!(scale(&RgbImage::new(300, 100), frame(128, 64)).dimensions(), (192, 64));
    assert_eq!(scale(&RgbImage::new(1, 1), frame(64, 192)).dimensions(), (192, 192));
    for (width, height) in [(13, 77), (640, 639), (1000, 101), (64, 65)] {
        let covered = scale(&RgbImage::new(width, height), frame(192, 128)).dimensions();
        assert!(covered.0 >= 192 && covered.1 >= 128 && (covered.0 == 192 || covered.1 == 128), "{covered:?}");
    }
}

#[test]
fn scaling_down_averages_over_the_area() {
    // A checkerboard of single pixels has no detail left at a quarter of its size: plain bilinear would alias.
    let checkerboard = RgbImage::from_fn(256, 256, |x, y| Rgb([if (x + y) % 2 == 0 { 255 } else { 0 }; 3]));
    for pixel in scale(&checkerboard, SQUARE).pixels() {
        assert!(pixel.0[0].abs_diff(127) <= 2, "{pixel:?}");
    }
}

#[test]
fn random_crops_lie_inside_and_depend_on_seed_and_image_alone() {
    let picture = RgbImage::new(100, 64);
    let corners = |seed, image| random_corners(&picture, SQUARE, 4, Streams::new(seed), image);
    assert_eq!(corners(555, 0), corners(555, 0));
    assert_ne!(corners(555, 0), corners(555, 1));
    assert_ne!(corners(555, 0), corners(556, 0));
    assert!(corners(555, 0).iter().all(|&(x, y)| x <= 36 && y == 0));
}

#[test]
fn a_single_random_crop_is_the_first_of_several_and_the_centre_is_the_centre() {
    let picture = RgbImage::new(100, 64);
    let corners = |crops| random_corners(&picture, SQUARE, crops, Streams::new(555), 0);
    assert_eq!(corners(1), corners(4)[..1]);
    assert_eq!(centre(&picture, SQUARE), (18, 0));
    assert_eq!(random_corners(&RgbImage::new(64, 64), SQUARE, 4, Streams::new(1), 0), [(0, 0)], "a square is whole");
}

/// Where each of a photo's crops begins, told by its red corner.
fn left_edges(framing: &Framing, role: Role, index: usize) -> Vec<i64> {
    let picture = RgbImage::from_fn(164, 64, |x, _| Rgb([x as u8, 0, 0]));
    let edge = |pixels: Tensor| ((pixels.double_value(&[0, 0, 0, 0]) + 1.0) * 127.5).round() as i64;
    framing.cut(&picture, SQUARE, framing.crops, role, index).into_iter().map(edge).collect()
}

#[test]
fn the_crop_field_says_where_photos_are_cut() {
    let random = framing(64);
    assert_eq!(left_edges(&random, Role::Instance, 0).len(), 4);
    assert_eq!(left_edges(&Framing { crops: 1, ..random }, Role::Instance, 0).len(), 1);
    assert_eq!(left_edges(&Framing { crop: Crop::Center, ..random }, Role::Instance, 0), [50]);
    assert_eq!(left_edges(&random.centred(), Role::Instance, 0), [50]);
    let class = left_edges(&random, Role::Class, 0);
    assert_ne!(class, left_edges(&random, Role::Instance, 0), "class images are cut at places of their own");
}

#[test]
fn large_data_sets_get_fewer_crops_per_image() {
    assert_eq!([1, 6, 100, 150, 1000].map(|images| crops_per_image(images, 4)), [4, 4, 4, 2, 1]);
    assert_eq!(
        [(10, 16), (50, 16), (1000, 16), (10, 1)].map(|(images, wanted)| crops_per_image(images, wanted)),
        [16, 8, 1, 1]
    );
}

#[test]
fn pixels_become_numbers_from_minus_one_to_one_with_channels_first() {
    let mut picture = RgbImage::from_pixel(12, 8, Rgb([0, 51, 255]));
    picture.put_pixel(5, 1, Rgb([255, 51, 255]));
    let part = crop(&picture, (4, 0), frame(8, 6));
    assert_eq!(part.size(), [1, 3, 6, 8]);
    assert_eq!(part.double_value(&[0, 0, 0, 0]), -1.0);
    assert_eq!(part.double_value(&[0, 0, 1, 1]), 1.0, "row 1, column 1 of the crop");
    assert!((part.double_value(&[0, 1, 3, 3]) + 0.6).abs() < 1e-6);
    assert_eq!(part.double_value(&[0, 2, 5, 7]), 1.0);
}

#[test]
fn the_buckets_of_512_pixels_are_the_usual_ones() {
    let upright = [(256, 832), (256, 896), (256, 960), (256, 1024), (320, 704), (320, 768), (384, 640), (448, 576)];
    let mut expected = vec![frame(512, 512)];
    expected.extend(upright.iter().flat_map(|&(short, long)| [frame(short, long), frame(long, short)]));
    expected.sort_unstable();
    assert_eq!(buckets(512), expected);
}

#[test]
fn buckets_have_sides_of_whole_steps_and_no_more_area_than_the_square() {
    for resolution in (64..=1024).step_by(64) {
        let frames = buckets(resolution);
        assert!(frames.contains(&Frame::square(resolution)));
        for frame in frames {
            assert_eq!((frame.width % 64, frame.height % 64), (0, 0), "{frame:?}");
            assert!(frame.width * frame.height <= resolution * resolution, "{frame:?} of {resolution}");
            assert!(frame.width.max(frame.height) <= 2 * resolution, "{frame:?} of {resolution}");
        }
    }
}

/// The frames of photos of these sizes.
fn frames_of(sizes: &[(u32, u32, Role)]) -> Vec<Vec<Frame>> {
    let photos: Vec<Photo> = sizes.iter().map(|&(width, height, role)| sized(width, height, role)).collect();
    Framing { buckets: true, ..framing(512) }.frames(&photos.iter().collect::<Vec<_>>())
}

#[test]
fn a_photo_gets_the_frame_of_the_nearest_shape() {
    let cases = [
        ((512, 512), frame(512, 512)),
        ((3000, 4000), frame(448, 576)),
        ((4000, 3000), frame(576, 448)),
        ((1080, 1920), frame(384, 640)),
        ((1000, 10_000), frame(256, 1024)),
        ((100, 101), frame(512, 512)),
    ];
    for ((width, height), expected) in cases {
        assert_eq!(frames_of(&[(width, height, Role::Instance)]), [[expected]], "{width} x {height}");
    }
    let photo = sized(3000, 4000, Role::Instance);
    assert_eq!(framing(512).frames(&[&photo]), [[frame(512, 512)]], "a square where buckets are off");
}

#[test]
fn class_images_have_the_shapes_of_the_photos() {
    use Role::{Class, Instance};
    let frames = frames_of(&[(512, 512, Instance), (300, 400, Instance), (400, 300, Class), (300, 410, Class)]);
    assert_eq!(frames[2..], [[frame(512, 512)], [frame(448, 576)]], "of the photos' frames the nearest");

    // Two squares for three photos of which one is upright: a third of two, rounded up, is cut to that also.
    let photos = [(512, 512, Instance), (512, 512, Instance), (300, 400, Instance)];
    let frames = frames_of(&[&photos[..], &[(512, 512, Class), (510, 512, Class)]].concat());
    assert_eq!(frames[3], [frame(512, 512)]);
    assert_eq!(frames[4], [frame(512, 512), frame(448, 576)], "the one that comes nearest");
}
