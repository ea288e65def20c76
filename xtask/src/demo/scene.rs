//! The pictures of the sample concept: the same robot in other places, from other sides, under other lights.

use super::vector::Vec3;

/// The pattern of the floor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Floor {
    /// One colour.
    Plain,
    /// Squares of two colours.
    Tiles,
    /// Planks with grain.
    Wood,
    /// Rings around the robot.
    Rings,
}

/// One picture.
#[derive(Debug, Clone, Copy)]
pub struct Scene {
    /// The floor's pattern.
    pub floor: Floor,
    /// The floor's first colour, linear.
    pub floor_colour: Vec3,
    /// The floor's second colour.
    pub floor_accent: Vec3,
    /// The background at the horizon.
    pub horizon: Vec3,
    /// The background above.
    pub zenith: Vec3,
    /// Direction to the lamp.
    pub lamp: Vec3,
    /// The lamp's colour and strength.
    pub lamp_colour: Vec3,
    /// How far the robot is turned, in radians.
    pub turn: f32,
    /// How far the left arm is raised, in radians.
    pub wave: f32,
    /// Where the camera stands.
    pub camera: Vec3,
    /// What the camera looks at.
    pub target: Vec3,
    /// Focal length in half picture widths.
    pub focus: f32,
}

const WHITE_LAMP: Vec3 = Vec3(2.5, 2.4, 2.2);
const WARM_LAMP: Vec3 = Vec3(3.0, 2.35, 1.6);
const COOL_LAMP: Vec3 = Vec3(2.9, 3.1, 3.6);

/// The pictures, in the order of their numbers.
pub const SCENES: [Scene; 8] = [
    Scene {
        floor: Floor::Plain,
        floor_colour: Vec3(0.62, 0.72, 0.74),
        floor_accent: Vec3(0.62, 0.72, 0.74),
        horizon: Vec3(0.62, 0.76, 0.80),
        zenith: Vec3(0.30, 0.50, 0.62),
        lamp: Vec3(-0.6, 0.9, 0.7),
        lamp_colour: WHITE_LAMP,
        turn: -0.35,
        wave: -0.25,
        camera: Vec3(0.0, 1.8, 5.6),
        target: Vec3(0.0, 1.2, 0.0),
        focus: 3.0,
    },
    Scene {
        floor: Floor::Wood,
        floor_colour: Vec3(0.52, 0.29, 0.13),
        floor_accent: Vec3(0.30, 0.15, 0.06),
        horizon: Vec3(0.86, 0.74, 0.56),
        zenith: Vec3(0.66, 0.50, 0.36),
        lamp: Vec3(0.8, 0.9, 0.5),
        lamp_colour: WARM_LAMP,
        turn: 0.45,
        wave: 2.2,
        camera: Vec3(0.4, 2.6, 5.4),
        target: Vec3(0.15, 1.2, 0.0),
        focus: 2.75,
    },
    Scene {
        floor: Floor::Tiles,
        floor_colour: Vec3(0.80, 0.78, 0.72),
        floor_accent: Vec3(0.12, 0.32, 0.34),
        horizon: Vec3(0.85, 0.88, 0.80),
        zenith: Vec3(0.50, 0.68, 0.64),
        lamp: Vec3(-0.8, 1.1, 0.3),
        lamp_colour: WHITE_LAMP,
        turn: 0.0,
        wave: 0.9,
        camera: Vec3(-0.9, 1.5, 5.2),
        target: Vec3(0.1, 1.2, 0.0),
        focus: 2.6,
    },
    Scene {
        floor: Floor::Plain,
        floor_colour: Vec3(0.20, 0.42, 0.10),
        floor_accent: Vec3(0.20, 0.42, 0.10),
        horizon: Vec3(0.80, 0.90, 0.98),
        zenith: Vec3(0.18, 0.42, 0.85),
        lamp: Vec3(0.5, 1.2, 0.8),
        lamp_colour: WARM_LAMP,
        turn: -0.9,
        wave: 2.5,
        camera: Vec3(0.0, 0.9, 5.8),
        target: Vec3(0.0, 1.32, 0.0),
        focus: 3.0,
    },
    Scene {
        floor: Floor::Rings,
        floor_colour: Vec3(0.85, 0.56, 0.60),
        floor_accent: Vec3(0.92, 0.80, 0.76),
        horizon: Vec3(0.94, 0.72, 0.70),
        zenith: Vec3(0.80, 0.42, 0.52),
        lamp: Vec3(-0.4, 1.0, 0.9),
        lamp_colour: WHITE_LAMP,
        turn: 0.8,
        wave: -0.25,
        camera: Vec3(0.0, 2.2, 4.6),
        target: Vec3(0.0, 1.25, 0.0),
        focus: 2.7,
    },
    Scene {
        floor: Floor::Plain,
        floor_colour: Vec3(0.10, 0.11, 0.20),
        floor_accent: Vec3(0.10, 0.11, 0.20),
        horizon: Vec3(0.22, 0.20, 0.42),
        zenith: Vec3(0.03, 0.04, 0.12),
        lamp: Vec3(-0.6, 0.8, 0.8),
        lamp_colour: COOL_LAMP,
        turn: 0.3,
        wave: 1.4,
        camera: Vec3(0.6, 1.3, 5.6),
        target: Vec3(0.15, 1.2, 0.0),
        focus: 2.75,
    },
    Scene {
        floor: Floor::Wood,
        floor_colour: Vec3(0.74, 0.66, 0.54),
        floor_accent: Vec3(0.58, 0.50, 0.40),
        horizon: Vec3(0.92, 0.90, 0.84),
        zenith: Vec3(0.72, 0.76, 0.80),
        lamp: Vec3(0.7, 0.8, 0.9),
        lamp_colour: WHITE_LAMP,
        turn: -0.15,
        wave: -0.25,
        camera: Vec3(0.0, 1.9, 4.3),
        target: Vec3(0.0, 1.55, 0.0),
        focus: 2.9,
    },
    Scene {
        floor: Floor::Tiles,
        floor_colour: Vec3(0.90, 0.66, 0.20),
        floor_accent: Vec3(0.95, 0.86, 0.62),
        horizon: Vec3(0.98, 0.86, 0.52),
        zenith: Vec3(0.90, 0.58, 0.18),
        lamp: Vec3(0.6, 1.1, 0.4),
        lamp_colour: WHITE_LAMP,
        turn: -0.6,
        wave: 0.5,
        camera: Vec3(0.3, 3.1, 6.2),
        target: Vec3(0.05, 1.15, 0.0),
        focus: 3.1,
    },
];
