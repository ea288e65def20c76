//! An image depends on its seed and its request, not on its batch, whatever the sampler.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use protocol::{JobEvent, SamplerName};
use serde_json::json;
use support::studio::Studio;

#[test]
fn the_same_image_comes_out_at_batch_sizes_1_2_and_4_to_the_bit_with_every_sampler() {
    let studio = Studio::new();
    for &name in SamplerName::ALL {
        let draw = |batch_size: u32, n_iter: u32| {
            let request = json!({
                "sampler_name": name.as_str(), "batch_size": batch_size, "n_iter": n_iter, "steps": 3, "s_churn": 1.0,
                "eta": 0.6,
            });
            let session = studio.session(&request);
            let steps: Vec<(u64, u64)> = session.events.iter().filter_map(step).collect();
            assert!(steps.iter().enumerate().all(|(index, (step, _))| *step == index as u64 + 1), "{name}: {steps:?}");
            let (last, total) = steps[steps.len() - 1];
            assert_eq!(last, total, "{name} ends where it said");
            session.pictures.into_iter().map(|(_, picture)| picture.rgb).collect::<Vec<_>>()
        };
        let together = draw(4, 1);
        assert_eq!(together, draw(2, 2), "{name}");
        assert_eq!(together[..2], draw(1, 2), "{name}");
        assert_ne!(together[0], together[1], "{name}");
    }
}

fn step(event: &JobEvent) -> Option<(u64, u64)> {
    match event {
        JobEvent::Step { step, total, .. } => Some((*step, *total)),
        _ => None,
    }
}
