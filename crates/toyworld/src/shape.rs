//! The solids that figures are made of, as signed distances (Quilez, "Distance functions"; negative inside). Some are lower
//! bounds of the true distance, which is all that ray marching needs.

use crate::vector::{Vector, grey, v};

/// A solid about its own origin.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Shape {
    Ball {
        radius: f32,
    },
    Ellipsoid {
        radii: Vector,
    },
    /// Half sizes, and how round its edges are.
    Block {
        half: Vector,
        edge: f32,
    },
    /// From the origin to `end`.
    Capsule {
        end: Vector,
        from: f32,
        to: f32,
    },
    /// About the vertical.
    Ring {
        radius: f32,
        thickness: f32,
    },
    Cylinder {
        radius: f32,
        half: f32,
        edge: f32,
    },
    Cone {
        below: f32,
        above: f32,
        half: f32,
        edge: f32,
    },
    /// A shell around a head that leaves the face free.
    Hair {
        cut: Cut,
    },
    /// A hollow cylinder with a floor.
    Mug,
    /// The upper half of an ellipsoid.
    Dome {
        radii: Vector,
    },
    /// A part of a ring, `reach` (in radians) to both sides of straight down.
    Smile {
        radius: f32,
        thickness: f32,
        reach: f32,
    },
}

/// Where a shell of hair ends.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Cut {
    /// Combed to both sides: two arcs that meet above the nose.
    Parted,
    /// Straight across the forehead.
    Fringe,
    /// Above the ears, without a parting.
    Cropped,
}

/// Of the sphere that hair is cut from.
const HAIR_RADIUS: f32 = 0.545;

impl Shape {
    /// The distance of `p`.
    #[inline(always)]
    pub(crate) fn distance(&self, p: Vector) -> f32 {
        match *self {
            Self::Ball { radius } => p.length() - radius,
            Self::Ellipsoid { radii } => ellipsoid(p, radii),
            Self::Block { half, edge } => {
                let q = p.abs() - half + grey(edge);
                q.positive().length() + q.largest().min(0.0) - edge
            }
            Self::Capsule { end, from, to } => {
                let share = (p.dot(end) / end.dot(end)).clamp(0.0, 1.0);
                (p - end * share).length() - (from + (to - from) * share)
            }
            Self::Ring { radius, thickness } => {
                let from_circle = (p.x * p.x + p.z * p.z).sqrt() - radius;
                (from_circle * from_circle + p.y * p.y).sqrt() - thickness
            }
            Self::Cylinder { radius, half, edge } => cylinder(p, radius, half, edge),
            Self::Cone { below, above, half, edge } => cone(p, below, above, half, edge),
            Self::Hair { cut } => (p.length() - HAIR_RADIUS).max(-cut.free(p)),
            Self::Mug => {
                let hollow = cylinder(p - v(0.0, 0.2, 0.0), 0.46, 0.6, 0.05);
                cylinder(p, 0.55, 0.55, 0.06).max(-hollow)
            }
            Self::Dome { radii } => ellipsoid(p, radii).max(-p.y - 0.02),
            Self::Smile { radius, thickness, reach } => {
                let angle = p.x.atan2(-p.y).clamp(-reach, reach);
                (p - v(radius * angle.sin(), -radius * angle.cos(), 0.0)).length() - thickness
            }
        }
    }

    /// The radius of a ball about the origin that holds it.
    pub(crate) fn bound(&self) -> f32 {
        match *self {
            Self::Ball { radius } => radius,
            Self::Ellipsoid { radii } | Self::Dome { radii } => radii.largest(),
            Self::Block { half, .. } => half.length(),
            Self::Capsule { end, from, to } => end.length() + from.max(to),
            Self::Ring { radius, thickness } | Self::Smile { radius, thickness, .. } => radius + thickness,
            Self::Cylinder { radius, half, .. } => (radius * radius + half * half).sqrt(),
            Self::Cone { below, above, half, .. } => (below.max(above).powi(2) + half * half).sqrt(),
            Self::Hair { .. } => HAIR_RADIUS,
            Self::Mug => 0.8,
        }
    }
}

impl Cut {
    /// The distance of what is left free.
    #[inline(always)]
    fn free(self, p: Vector) -> f32 {
        let face =
            |aside: f32, height: f32, radius: f32| (v(p.x.abs() - aside, p.y - height, p.z - 0.43)).length() - radius;
        match self {
            Self::Parted => face(0.22, -0.20, 0.40).min(p.y + 0.30),
            Self::Fringe => face(0.12, -0.13, 0.46).max(p.y - 0.16).min(p.y + 0.30),
            Self::Cropped => face(0.0, -0.02, 0.44).min((p.y + 0.06 - 0.35 * p.z) * 0.94),
        }
    }
}

#[inline(always)]
fn ellipsoid(p: Vector, radii: Vector) -> f32 {
    let q = v(p.x / radii.x, p.y / radii.y, p.z / radii.z);
    let scaled = q.length();
    let slope = v(q.x / radii.x, q.y / radii.y, q.z / radii.z).length();
    if slope < 1e-6 { -radii.x.min(radii.y).min(radii.z) } else { scaled * (scaled - 1.0) / slope }
}

#[inline(always)]
fn cylinder(p: Vector, radius: f32, half: f32, edge: f32) -> f32 {
    let (out, over) = ((p.x * p.x + p.z * p.z).sqrt() - radius + edge, p.y.abs() - half + edge);
    out.max(over).min(0.0) + (out.max(0.0).powi(2) + over.max(0.0).powi(2)).sqrt() - edge
}

fn cone(p: Vector, below: f32, above: f32, half: f32, edge: f32) -> f32 {
    let (x, y) = ((p.x * p.x + p.z * p.z).sqrt(), p.y);
    let (below, above, half) = (below - edge, (above - edge).max(0.0), half - edge);
    let side = (above - below, 2.0 * half);
    let lid = (x - x.min(if y < 0.0 { below } else { above }), y.abs() - half);
    let along = ((above - x) * side.0 + (half - y) * side.1) / (side.0 * side.0 + side.1 * side.1);
    let along = along.clamp(0.0, 1.0);
    let flank = (x - above + side.0 * along, y - half + side.1 * along);
    let sign = if flank.0 < 0.0 && lid.1 < 0.0 { -1.0 } else { 1.0 };
    let nearest = (lid.0 * lid.0 + lid.1 * lid.1).min(flank.0 * flank.0 + flank.1 * flank.1);
    sign * nearest.sqrt() - edge
}
