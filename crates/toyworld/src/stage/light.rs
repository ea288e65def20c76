//! Shadows and dark corners.

use super::Stage;
use crate::vector::{Vector, smooth};

impl Stage {
    /// How much of the lamp reaches a point: soft shadows by the narrowest passage along the way (Quilez, "Soft shadows in
    /// raymarched SDFs").
    pub(super) fn lit(&self, at: Vector, normal: Vector) -> f32 {
        let origin = at + normal * 0.015;
        let Some((start, end)) = self.span(origin, self.lamp) else { return 1.0 };
        let (mut reached, mut light) = (start.max(0.015), 1f32);
        for _ in 0..32 {
            let distance = self.distance(origin + self.lamp * reached);
            light = light.min(8.0 * distance / reached);
            reached += distance.clamp(0.03, 0.3);
            if light < 0.01 || reached > end {
                break;
            }
        }
        smooth(0.0, 1.0, light)
    }

    /// How open a point lies to the light from everywhere: near things and the ground take some.
    pub(super) fn openness(&self, at: Vector, normal: Vector) -> f32 {
        let closed = |reach: f32, weight: f32| {
            let probe = at + normal * reach;
            weight * (reach - self.distance(probe).min(probe.y.max(0.0))).max(0.0)
        };
        (1.0 - 1.5 * (closed(0.08, 1.1) + closed(0.28, 0.75))).clamp(0.15, 1.0)
    }
}
