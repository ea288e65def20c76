//! A figure at its place on the stage.

use crate::chance::Chance;
use crate::description::{Person, Subject, ThingKind};
use crate::figure::{Figure, Part};
use crate::vector::{Vector, v};

/// A figure with its place, its size and the way it faces.
#[derive(Debug)]
pub(super) struct Actor {
    figure: Figure,
    at: Vector,
    size: f32,
    angle: f32,
    /// Sine and cosine of the angle.
    facing: (f32, f32),
    /// Its own height and reach, in units of the stage.
    pub(super) tall: f32,
    pub(super) wide: f32,
}

impl Actor {
    fn new(figure: Figure, size: f32, angle: f32) -> Self {
        let (tall, wide) = figure.extent();
        let facing = angle.sin_cos();
        Self { figure, at: v(0.0, 0.0, 0.0), size, angle, facing, tall: tall * size, wide: wide * size }
    }

    /// Turns it farther about the vertical.
    pub(super) fn turn(&mut self, angle: f32) {
        self.angle += angle;
        self.facing = self.angle.sin_cos();
    }

    /// Farthest it reaches to the left and to the right of the middle.
    pub(super) fn reach(&self) -> f32 {
        self.at.x.abs() + self.wide
    }

    #[inline(always)]
    fn local(&self, at: Vector) -> Vector {
        let (sin, cos) = self.facing;
        (at - self.at).turned((-sin, cos)) * (1.0 / self.size)
    }

    #[inline(always)]
    pub(super) fn distance(&self, at: Vector) -> f32 {
        self.figure.distance(self.local(at)) * self.size
    }

    pub(super) fn part(&self, at: Vector) -> Option<&Part> {
        self.figure.part(self.local(at))
    }

    /// Where a ray is inside the ball about the figure.
    pub(super) fn span(&self, origin: Vector, ray: Vector) -> Option<(f32, f32)> {
        let (centre, radius) = self.figure.ball();
        let (centre, radius) = (centre * self.size + self.at - origin, radius * self.size);
        let along = centre.dot(ray);
        let inside = radius * radius - (centre.dot(centre) - along * along);
        if inside < 0.0 {
            return None;
        }
        let half = inside.sqrt();
        (along + half > 0.0).then(|| ((along - half).max(0.0), along + half))
    }
}

/// Between two figures.
const GAP: f32 = 0.10;
/// Figures reach less far to one side than their farthest arm.
const CLOSE: f32 = 0.85;

/// One figure in the middle, or two next to each other.
pub(super) fn side_by_side(subjects: &[Subject], figures: Vec<Figure>, chance: &mut Chance) -> Vec<Actor> {
    let alone = figures.len() == 1;
    let mut actors: Vec<Actor> = subjects
        .iter()
        .zip(figures)
        .map(|(subject, figure)| {
            let size = if alone { 1.0 } else { size_in_company(subject) };
            Actor::new(figure, size, angle(subject, chance))
        })
        .collect();
    if let [left, right] = actors.as_mut_slice() {
        let apart = (left.wide + right.wide) * CLOSE + GAP;
        let off_middle = (left.wide - right.wide) * 0.5;
        left.at = v(off_middle - apart * 0.5, 0.0, chance.between(-0.2, 0.2));
        right.at = v(off_middle + apart * 0.5, 0.0, chance.between(-0.2, 0.2));
    }
    actors
}

/// Next to a doll, a duck is smaller than a house.
fn size_in_company(subject: &Subject) -> f32 {
    match subject {
        Subject::Person(_) => 1.0,
        Subject::Thing(thing) => match thing.kind {
            ThingKind::House | ThingKind::Tree | ThingKind::PineTree | ThingKind::Rocket => 1.1,
            ThingKind::Robot | ThingKind::Car | ThingKind::Snowman => 0.9,
            _ => 0.7,
        },
    }
}

/// How far it is turned away from the camera.
fn angle(subject: &Subject, chance: &mut Chance) -> f32 {
    let Subject::Thing(thing) = subject else { return chance.between(-0.5, 0.5) };
    match thing.kind {
        ThingKind::Car if chance.often(0.3) => chance.between(-3.1, 3.1),
        ThingKind::Car => chance.between(-1.2, 0.6),
        ThingKind::Cup => chance.between(-0.5, 1.2),
        ThingKind::Duck => chance.between(-1.2, 1.2),
        ThingKind::Cube => chance.between(-3.0, 3.0),
        _ => chance.between(-0.6, 0.6),
    }
}

/// Where the camera aims for a portrait.
pub(super) fn head_height(subjects: &[Subject]) -> f32 {
    let child = |person: &Person| person.kind.is_child();
    match subjects.first() {
        Some(Subject::Person(person)) if child(person) => 1.22,
        _ => 1.62,
    }
}
