//! Progress is written down once a second, and never loses what matters.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::time::{Duration, Instant};

use protocol::{ArtifactKey, ArtifactRef, FileContent, JobEvent, Stage};
use worker::throttle::Throttle;

fn step(step: u64) -> JobEvent {
    JobEvent::Step { stage: Stage::Unet, step, total: 100, loss: Some(0.1), its_per_s: 10.0, seconds_left: 1.0 }
}

#[test]
fn of_many_steps_one_a_second_is_admitted() {
    let mut throttle = Throttle::default();
    let start = Instant::now();
    let admitted: Vec<u64> =
        (0..40).filter(|i| throttle.admits(&step(*i), start + Duration::from_millis(100 * i))).collect();
    assert_eq!(admitted, [0, 10, 20, 30]);
}

#[test]
fn the_last_step_stages_and_files_always_are() {
    let mut throttle = Throttle::default();
    let now = Instant::now();
    assert!(throttle.admits(&step(1), now));
    assert!(!throttle.admits(&step(2), now));
    assert!(throttle.admits(&step(100), now));
    assert!(throttle.admits(&JobEvent::Stage { stage: Stage::Export }, now));
    let artifact = ArtifactKey::parse("job-1/1/0-0.png").unwrap();
    let content = FileContent::Image { item: 0, index: 0, seed: 1 };
    assert!(throttle.admits(&JobEvent::File { file: ArtifactRef { artifact }, content }, now));
}
