//! How far a stage is, and how fast it goes.

use std::time::Duration;

use protocol::{JobEvent, ProgressMeter, Stage};

#[test]
fn a_meter_tells_speed_and_time_left() {
    let meter = ProgressMeter::new(Stage::Unet, 40, Duration::from_secs(100));
    let event = meter.step(10, Some(0.25), Duration::from_secs(105));
    assert_eq!(
        event,
        JobEvent::Step {
            stage: Stage::Unet,
            step: 10,
            total: 40,
            loss: Some(0.25),
            its_per_s: 2.0,
            seconds_left: 15.0
        }
    );
    let JobEvent::Step { its_per_s, seconds_left, .. } = meter.step(1, None, Duration::from_secs(100)) else {
        unreachable!()
    };
    assert!(its_per_s.is_finite() && seconds_left.is_finite(), "a clock that stands still yields numbers");
}
