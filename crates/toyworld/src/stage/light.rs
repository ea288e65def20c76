//! Shadows and dark corners.

use super::Stage;
use crate::vector::Vector;

impl Stage {
    /// How much of the lamp reaches a point, 0..1.
    pub(super) fn lit(&self, at: Vector, normal: Vector) -> f32 {
        let origin = at + normal * 0.015;
        self.actors.iter().map(|actor| actor.light(origin, self.lamp)).fold(1.0, f32::min)
    }

    /// How open a point lies to the light from everywhere: near things and the ground take some.
    pub(super) fn openness(&self, at: Vector, normal: Vector) -> f32 {
        let closed = |reach: f32, weight: f32| {
            let probe = at + normal * reach;
            let nearest = self.actors.iter().map(|actor| actor.distance(probe, reach)).fold(reach, f32::min);
            weight * (reach - nearest.min(probe.y.max(0.0))).max(0.0)
        };
        (1.0 - 1.5 * (closed(0.08, 1.1) + closed(0.28, 0.75))).clamp(0.15, 1.0)
    }
}
