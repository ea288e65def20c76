//! What grows.

use super::{Figure, ball, capsule, cone};
use crate::chance::Chance;
use crate::shape::Shape;
use crate::vector::{Vector, grey, v};

const BARK: Vector = v(0.22, 0.11, 0.05);
const NEEDLES: Vector = v(0.04, 0.28, 0.09);

/// A crown of balls.
pub(super) fn tree(figure: &mut Figure, crown: Vector, chance: &mut Chance) {
    figure.add(capsule(v(0.0, 0.9, 0.0), 0.19, 0.13), v(0.0, 0.0, 0.0), BARK, 0.05);
    figure.add(ball(0.6), v(0.0, 1.5, 0.0), crown, 0.05);
    figure.add(ball(chance.between(0.42, 0.54)), v(0.0, 1.95, 0.0), crown, 0.05);
    for branch in 1..7 {
        let angle = branch as f32 * 0.9 + chance.unit();
        let height = 1.25 + 0.19 * (branch % 3) as f32;
        let at = v(0.46 * angle.cos(), height, 0.46 * angle.sin());
        figure.add(ball(chance.between(0.42, 0.54)), at, crown, 0.05);
    }
}

/// Three cones.
pub(super) fn pine_tree(figure: &mut Figure) {
    figure.add(capsule(v(0.0, 0.6, 0.0), 0.15, 0.12), v(0.0, 0.0, 0.0), BARK, 0.05);
    for level in 0..3 {
        let size = 1.0 - 0.24 * level as f32;
        let at = v(0.0, 0.72 + 0.47 * level as f32, 0.0);
        figure.add(cone(0.82 * size, 0.06, 0.42 * size, 0.05), at, NEEDLES, 0.05);
    }
}

/// White dots on its cap.
pub(super) fn mushroom(figure: &mut Figure, cap: Vector) {
    figure.add(capsule(v(0.0, 0.8, 0.0), 0.32, 0.22), v(0.0, 0.15, 0.0), v(0.86, 0.78, 0.64), 0.1);
    figure.add(Shape::Dome { radii: v(0.95, 0.72, 0.95) }, v(0.0, 0.95, 0.0), cap, 0.5);
    for dot in 0..9 {
        let (around, up): (f32, f32) = match dot {
            0 => (0.0, 1.45),
            _ => (dot as f32 * 0.785 + 0.3, if dot % 2 == 0 { 1.02 } else { 0.6 }),
        };
        let towards = v(around.sin() * up.cos(), up.sin(), around.cos() * up.cos());
        figure.add(ball(0.13), v(towards.x * 0.92, 0.95 + towards.y * 0.69, towards.z * 0.92), grey(0.9), 0.3);
    }
}
