//! The original's two stages over frozen batches, fifty steps each.

use engine::no_grad;
use engine::tch::{Kind, Tensor};
use model::base::BaseModel;
use training::batches::Batches;
use training::noise::Streams;

use crate::course::{Course, compare_both, compare_unet_stage};
use crate::given::{Item, ids, photo};
use crate::recording::{NORM, Recording, difference, fixture, tell, tiny};

const PHOTOS: u32 = 9;

/// Nine photos in frozen batches of two, in the order of seed 1.
fn course(base: &BaseModel) -> Course {
    let batches = Batches::new(Streams::new(1), PHOTOS as usize, 2).frozen(true);
    Course::plain(base, batches, (0..PHOTOS).map(photo).collect())
}

/// What the recorded text encoder makes of a batch at the end of the text stage.
fn context(recorded: &std::collections::HashMap<String, Tensor>, items: &[Item]) -> Tensor {
    recorded[&format!("context.{}", items[0].image)].shallow_clone()
}

#[test]
fn the_frozen_batches_are_the_recorded_ones() {
    let (course, recorded) = (course(&tiny()), &fixture("faithful")["batches"]);
    for step in 0..recorded.size()[0] {
        let mut expected = Vec::<i64>::try_from(recorded.get(step)).unwrap();
        expected.retain(|&image| image >= 0);
        let images: Vec<i64> = course.batches.batch(step as u64).images.iter().map(|&image| image as i64).collect();
        assert_eq!(images, expected, "step {step}");
    }
}

#[test]
fn fifty_steps_of_the_joint_text_stage_are_those_of_pytorch_and_so_is_what_the_encoder_says_then() {
    let base = tiny();
    let course = course(&base);
    let text = compare_both(&course, Recording::open("faithful", "text_stage", NORM), &base, 0);
    let recorded = fixture("faithful");
    let mut worst = 0.0f64;
    for step in 0..5 {
        let items = course.shown(&course.batches.batch(step).images);
        let found = no_grad(|| text.forward(&ids(&items, 0), Kind::Float));
        // Of values of size 1 to 3; float32 PyTorch is 7e-5 from float64.
        let off = difference(&found, &context(&recorded, &items));
        assert!(off < 1e-3, "{items:?}: {off:e}");
        worst = worst.max(off);
    }
    tell(&format!("contexts: {worst:.1e}"));
}

#[test]
fn fifty_steps_of_the_unet_stage_are_those_of_pytorch() {
    let (base, recorded) = (tiny(), fixture("faithful"));
    let recording = Recording::open("faithful", "unet_stage", NORM);
    compare_unet_stage(&course(&base), recording, &base, &|items| context(&recorded, items));
}

#[test]
fn fifty_steps_with_offset_noise_are_those_of_pytorch() {
    let (base, recorded) = (tiny(), fixture("faithful"));
    let course = Course { offset: 0.1, ..course(&base) };
    let recording = Recording::open("faithful", "unet_stage_offset", NORM);
    compare_unet_stage(&course, recording, &base, &|items| context(&recorded, items));
}
