//! Rays through figures. A ray passes near few parts, so only those are asked along it.

use super::{Figure, Part};
use crate::vector::{Vector, smooth, v};

/// No figure has more parts.
pub(super) const MOST: usize = 64;
/// A ray this near a surface has hit it.
const TOUCH: f32 = 0.002;
/// Shadows are this soft: a ray that passes a surface by an eighth of the way is fully lit.
const SOFTNESS: f32 = 8.0;
/// A shadow begins this far from what casts it, so that nothing shades itself.
const LIFT: f32 = 0.015;

/// The parts near a ray, and where on it they begin and end.
struct Crossing<'a> {
    parts: [Option<&'a Part>; MOST],
    count: usize,
    from: f32,
    to: f32,
}

impl Figure {
    /// The parts whose balls the ray meets; the balls grow by `spread` with each unit along the ray.
    #[inline(always)]
    fn crossing(&self, origin: Vector, ray: Vector, spread: f32) -> Option<Crossing<'_>> {
        let mut crossing = Crossing { parts: [None; MOST], count: 0, from: f32::MAX, to: 0.0 };
        for part in self.parts.iter().take(MOST) {
            let offset = part.at - origin;
            let along = offset.dot(ray);
            let reach = part.bound + spread * (along + part.bound).max(0.0);
            let inside = reach * reach - (offset.dot(offset) - along * along);
            if inside < 0.0 {
                continue;
            }
            let half = inside.sqrt();
            if along + half <= 0.0 {
                continue;
            }
            crossing.parts[crossing.count] = Some(part);
            crossing.count += 1;
            crossing.from = crossing.from.min((along - half).max(0.0));
            crossing.to = crossing.to.max(along + half);
        }
        (crossing.count > 0).then_some(crossing)
    }

    /// Marches along a ray to the first surface before `limit` (Hart, "Sphere tracing", 1996): how far it is, and whose.
    pub(crate) fn hit(&self, origin: Vector, ray: Vector, limit: f32) -> Option<(f32, &Part)> {
        let crossing = self.crossing(origin, ray, 0.0)?;
        let (mut reached, end) = (crossing.from, crossing.to.min(limit));
        for _ in 0..80 {
            let (distance, nearest) = crossing.nearest(origin + ray * reached)?;
            if distance < TOUCH {
                return Some((reached, nearest));
            }
            reached += distance * 0.92;
            if reached > end {
                break;
            }
        }
        None
    }

    /// How much light comes along a ray, 0..1: by the narrowest passage on the way (Quilez, "Soft shadows in raymarched SDFs").
    pub(crate) fn light(&self, origin: Vector, ray: Vector) -> f32 {
        let Some(crossing) = self.crossing(origin, ray, 1.0 / SOFTNESS) else { return 1.0 };
        let (mut reached, mut light) = (crossing.from.max(LIFT), 1f32);
        for _ in 0..40 {
            let Some((distance, _)) = crossing.nearest(origin + ray * reached) else { break };
            light = light.min(SOFTNESS * distance / reached);
            reached += distance.clamp(0.03, 0.3);
            if light < 0.01 || reached > crossing.to {
                break;
            }
        }
        smooth(0.0, 1.0, light)
    }
}

impl<'a> Crossing<'a> {
    #[inline(always)]
    fn nearest(&self, at: Vector) -> Option<(f32, &'a Part)> {
        let mut nearest: Option<(f32, &'a Part)> = None;
        for part in self.parts[..self.count].iter().flatten() {
            let best = nearest.map_or(f32::MAX, |(distance, _)| distance);
            let offset = at - part.at;
            let reach = best + part.bound;
            // What is farther than the best by its ball alone need not be asked.
            if reach > 0.0 && offset.dot(offset) > reach * reach {
                continue;
            }
            let distance = part.distance(at);
            if distance < best {
                nearest = Some((distance, part));
            }
        }
        nearest
    }
}

impl Part {
    /// The way out of the surface: where the distance grows fastest, from four points of a tetrahedron.
    pub(crate) fn normal(&self, at: Vector) -> Vector {
        let corners = [v(1.0, -1.0, -1.0), v(-1.0, -1.0, 1.0), v(-1.0, 1.0, -1.0), v(1.0, 1.0, 1.0)];
        let slope = corners.map(|corner| corner * self.distance(at + corner * 0.003));
        (slope[0] + slope[1] + slope[2] + slope[3]).unit()
    }
}
