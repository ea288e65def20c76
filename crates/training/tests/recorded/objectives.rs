//! Other losses than the plain one: v-prediction, min-SNR weights, prior preservation, gradients of several batches.

use engine::no_grad;
use engine::tch::{Device, Kind, Tensor};
use model::base::BaseModel;
use model::{NoiseSchedule, PredictionType};
use training::loss::LossRule;

use crate::course::{Course, compare_both, compare_unet_stage};
use crate::given::{Item, class, draw, ids, photo};
use crate::recording::{NORM, Recording, difference, tiny};

/// The photos of a step: 0 and 1, then 2 and 3, and so on.
pub(crate) fn pair(step: u64) -> Vec<Item> {
    if step.is_multiple_of(2) { vec![photo(0), photo(1)] } else { vec![photo(2), photo(3)] }
}

pub(crate) fn pairs(base: &BaseModel, steps: u64) -> Course {
    Course::showing(base, &(0..steps).map(pair).collect::<Vec<_>>(), 2)
}

/// Trains the UNet on what the base's text encoder says.
fn compare_on_base_contexts(base: &BaseModel, course: &Course, recording: Recording) {
    let text = base.text_encoder(Device::Cpu, Kind::Float).unwrap();
    let context = |items: &[Item]| no_grad(|| text.forward(&ids(items, 0), Kind::Float));
    compare_unet_stage(course, recording, base, &context);
}

/// The base's noise schedule for a UNet that predicts velocities.
fn velocities(base: &BaseModel) -> NoiseSchedule {
    let mut config = base.config().schedule.clone();
    config.prediction_type = PredictionType::VPrediction;
    NoiseSchedule::new(&config)
}

#[test]
fn steps_towards_the_velocity_are_those_of_pytorch() {
    let base = tiny();
    let recording = Recording::open("objectives", "v_prediction", NORM);
    let course = Course { schedule: velocities(&base), ..pairs(&base, recording.steps()) };
    compare_on_base_contexts(&base, &course, recording);
}

fn compare_min_snr(case: &'static str, schedule: impl Fn(&BaseModel) -> NoiseSchedule) {
    let base = tiny();
    let mut recording = Recording::open("objectives", case, NORM);
    let loss = LossRule { min_snr_gamma: Some(5.0), ..LossRule::default() };
    let course = Course { schedule: schedule(&base), loss, ..pairs(&base, recording.steps()) };
    let recorded = recording.take("weights");
    for step in 0..recording.steps() {
        let timesteps = Vec::<i64>::try_from(draw(step as u32, 2, 0.0).timesteps).unwrap();
        // The loss is the mean of the batch's two weighed errors, so each has half of its weight.
        let ratio = loss.weights(&course.schedule, &timesteps, 2) * 2.0 / recorded.get(step as i64);
        assert!(difference(&ratio, &Tensor::ones([2], (Kind::Float, Device::Cpu))) < 1e-5, "{case}, step {step}");
    }
    compare_on_base_contexts(&base, &course, recording);
}

#[test]
fn min_snr_weighs_errors_of_noise_as_diffusers_does() {
    compare_min_snr("min_snr_epsilon", BaseModel::schedule);
}

#[test]
fn min_snr_weighs_errors_of_velocity_as_diffusers_does() {
    compare_min_snr("min_snr_v", velocities);
}

#[test]
fn prior_preservation_is_that_of_pytorch() {
    let base = tiny();
    let recording = Recording::open("objectives", "prior", NORM);
    let with_class = |step| pair(step).into_iter().chain(pair(step).iter().map(|item| class(item.image))).collect();
    let shown: Vec<Vec<Item>> = (0..recording.steps()).map(with_class).collect();
    let loss = LossRule { prior_loss_weight: 0.7, ..LossRule::default() };
    let course = Course { loss, ..Course::showing(&base, &shown, 2) };
    compare_both(&course, recording, &base, 0);
}

#[test]
fn four_batches_whose_gradients_are_gathered_are_one_batch_of_four_of_pytorch() {
    let base = tiny();
    let recording = Recording::open("objectives", "accumulation", 1e-4);
    let single = |number: u64| vec![photo(number as u32 % 4)];
    let shown: Vec<Vec<Item>> = (0..4 * recording.steps()).map(single).collect();
    let course = Course { accumulation: 4, ..Course::showing(&base, &shown, 1) };
    compare_both(&course, recording, &base, 77);
}

#[test]
fn a_batch_of_four_is_that_of_pytorch() {
    let base = tiny();
    let recording = Recording::open("objectives", "accumulation", 1e-4);
    let shown: Vec<Vec<Item>> = (0..recording.steps()).map(|_| (0..4).map(photo).collect()).collect();
    compare_both(&Course::showing(&base, &shown, 4), recording, &base, 77);
}
