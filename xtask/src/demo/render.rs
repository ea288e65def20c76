//! Draws a scene: rays march along the distances, shadows are soft, lacquer mirrors the sky.

use image::{Rgb, RgbImage};

use super::robot::{BOUND, Material, robot};
use super::scene::{Floor, Scene};
use super::vector::Vec3;

/// A ray's march ends after this many steps; grazing rays need the most.
const STEPS_MAX: usize = 90;
/// Nearer than this counts as touching: about a tenth of a pixel.
const TOUCH: f32 = 0.001;
/// Pixels whose neighbours differ by more (0 to 255) are drawn from [`FINE`]² rays.
const EDGE: u8 = 10;
/// Rays along each side of a pixel at an edge.
const FINE: u32 = 3;

/// The scene as a square picture of `side` pixels.
pub fn render(scene: &Scene, side: u32) -> RgbImage {
    let forward = (scene.target - scene.camera).normalized();
    let right = forward.cross(Vec3(0.0, 1.0, 0.0)).normalized();
    let up = right.cross(forward);
    let colour = |x: f32, y: f32| {
        let across = (2.0 * x / side as f32) - 1.0;
        let above = 1.0 - (2.0 * y / side as f32);
        let ray = (forward * scene.focus + right * across + up * above).normalized();
        let vignette = 1.0 - 0.10 * (across * across + above * above);
        look(scene, scene.camera, ray, true) * vignette
    };
    let rough = RgbImage::from_fn(side, side, |x, y| display(colour(x as f32 + 0.5, y as f32 + 0.5)));
    RgbImage::from_fn(side, side, |x, y| {
        if !at_edge(&rough, x, y) {
            return *rough.get_pixel(x, y);
        }
        let offset = |i: u32| (i as f32 + 0.5) / FINE as f32;
        let rays = (0..FINE * FINE).map(|i| colour(x as f32 + offset(i % FINE), y as f32 + offset(i / FINE)));
        // Tone-mapped before the mean: a bright glint must not spoil its whole pixel.
        let sum = rays.fold(Vec3::all(0.0), |sum, ray| sum + tone(ray));
        encode(sum * (1.0 / (FINE * FINE) as f32))
    })
}

fn at_edge(picture: &RgbImage, x: u32, y: u32) -> bool {
    let here = picture.get_pixel(x, y);
    let neighbours = [(x.wrapping_sub(1), y), (x + 1, y), (x, y.wrapping_sub(1)), (x, y + 1)];
    neighbours
        .into_iter()
        .filter_map(|(x, y)| picture.get_pixel_checked(x, y))
        .any(|there| here.0.iter().zip(there.0).any(|(a, b)| a.abs_diff(b) > EDGE))
}

/// The light that comes along a ray. `mirrored` is false inside a reflection, which shows no further ones.
fn look(scene: &Scene, from: Vec3, ray: Vec3, mirrored: bool) -> Vec3 {
    if let Some(distance) = march(scene, from, ray) {
        let at = from + ray * distance;
        return robot_colour(scene, at, ray, mirrored);
    }
    if ray.1 < -1e-4 {
        let at = from + ray * (-from.1 / ray.1);
        return floor_colour(scene, at, (at - from).length());
    }
    sky(scene, ray)
}

fn sky(scene: &Scene, ray: Vec3) -> Vec3 {
    let height = ray.1.clamp(0.0, 1.0).sqrt();
    let glow = ray.dot(scene.lamp.normalized()).max(0.0).powi(24);
    scene.horizon.mix(scene.zenith, height) + scene.lamp_colour * (0.12 * glow)
}

/// Where the ray meets the robot's ball, as distances.
fn in_bound(from: Vec3, ray: Vec3) -> Option<(f32, f32)> {
    let to_centre = BOUND.0 - from;
    let along = to_centre.dot(ray);
    let inside = BOUND.1 * BOUND.1 - (to_centre.dot(to_centre) - along * along);
    let half = (inside >= 0.0).then(|| inside.sqrt())?;
    (along + half > 0.0).then(|| ((along - half).max(0.0), along + half))
}

fn distance(scene: &Scene, at: Vec3) -> (f32, Material) {
    robot(at.turned(scene.turn), scene.wave)
}

fn march(scene: &Scene, from: Vec3, ray: Vec3) -> Option<f32> {
    let (mut along, end) = in_bound(from, ray)?;
    for _ in 0..STEPS_MAX {
        let (distance, _) = distance(scene, from + ray * along);
        if distance < TOUCH {
            return Some(along);
        }
        along += distance * 0.9;
        if along > end {
            return None;
        }
    }
    None
}

/// 0 in full shadow, 1 in full light; the lamp is a disc, so the edge is soft.
fn lit(scene: &Scene, at: Vec3, normal: Vec3) -> f32 {
    let lamp = scene.lamp.normalized();
    let from = at + normal * 0.01;
    let Some((start, end)) = in_bound(from, lamp) else { return 1.0 };
    let (mut along, mut light) = (start.max(0.01), 1.0_f32);
    for _ in 0..48 {
        let (distance, _) = distance(scene, from + lamp * along);
        light = light.min(9.0 * distance / along);
        along += distance.clamp(0.015, 0.2);
        if light < 0.005 || along > end {
            break;
        }
    }
    let light = light.clamp(0.0, 1.0);
    light * light * (3.0 - 2.0 * light)
}

/// How open the surroundings are: 1 in the open, less in corners.
fn openness(scene: &Scene, at: Vec3, normal: Vec3) -> f32 {
    let near = |reach: f32| {
        let probe = at + normal * reach;
        (reach - distance(scene, probe).0.min(probe.1.max(0.0))).max(0.0)
    };
    (1.0 - 1.1 * (near(0.05) + 0.7 * near(0.14) + 0.5 * near(0.32))).clamp(0.15, 1.0)
}

fn floor_colour(scene: &Scene, at: Vec3, away: f32) -> Vec3 {
    let paint = scene.floor_colour.mix(scene.floor_accent, pattern(scene.floor, at));
    let up = Vec3(0.0, 1.0, 0.0);
    let near_robot = at.length() < 3.0;
    let open = if near_robot { openness(scene, at, up) } else { 1.0 };
    let direct = scene.lamp_colour * (scene.lamp.normalized().1 * lit(scene, at, up) * 0.36);
    let around = scene.horizon.mix(scene.zenith, 0.5) * (0.42 * open);
    let shaded = paint.tint(direct + around);
    // The far floor becomes the background, like the paper of a studio.
    let haze = ((away - 6.0) / 9.0).clamp(0.0, 1.0);
    shaded.mix(sky(scene, Vec3(0.0, 0.0, -1.0)), haze * haze * (3.0 - 2.0 * haze))
}

/// 0 for the first colour, 1 for the second.
fn pattern(floor: Floor, at: Vec3) -> f32 {
    match floor {
        Floor::Plain => 0.0,
        Floor::Tiles => {
            let cell = (at.0 / 0.7).floor() + ((at.2 + 0.2) / 0.7).floor();
            if cell.rem_euclid(2.0) < 0.5 { 0.0 } else { 1.0 }
        }
        Floor::Wood => {
            let plank = (at.0 / 0.55).floor();
            let seam = if (at.0 / 0.55 - plank - 0.5).abs() > 0.485 { 1.0 } else { 0.0 };
            let grain = ((at.0 * 21.0 + (at.2 * 1.7 + plank * 4.1).sin() * 1.6).sin() * 0.5 + 0.5) * 0.35;
            let tone = (plank * 2.7).sin() * 0.15 + 0.15;
            f32::max(seam, grain + tone)
        }
        Floor::Rings => {
            let ring = (at.0.hypot(at.2) / 0.5).fract();
            if ring < 0.5 { 0.0 } else { 1.0 }
        }
    }
}

/// A surface's paint, its mirroring seen straight on, and the sharpness of its highlight.
fn finish(material: Material) -> (Vec3, f32, i32) {
    match material {
        Material::Red => (Vec3(0.72, 0.025, 0.02), 0.06, 90),
        Material::Rubber => (Vec3(0.10, 0.10, 0.11), 0.02, 12),
        Material::Cream => (Vec3(0.86, 0.78, 0.60), 0.04, 40),
        Material::Ink => (Vec3(0.012, 0.014, 0.02), 0.07, 200),
        Material::Brass => (Vec3(0.72, 0.44, 0.11), 0.38, 60),
        Material::Blue => (Vec3(0.05, 0.25, 0.62), 0.06, 90),
    }
}

fn robot_colour(scene: &Scene, at: Vec3, ray: Vec3, mirrored: bool) -> Vec3 {
    let normal = normal_at(scene, at);
    let (paint, mirror, sharpness) = finish(distance(scene, at).1);
    let lamp = scene.lamp.normalized();
    let facing = normal.dot(lamp).max(0.0);
    let light = if facing > 0.0 { lit(scene, at, normal) } else { 0.0 };
    let open = openness(scene, at, normal);
    let from_above = 0.5 + 0.5 * normal.1;
    let around = scene.floor_colour.mix(scene.horizon.mix(scene.zenith, 0.3), from_above) * (0.55 * open);
    let diffuse = paint.tint(scene.lamp_colour * (facing * light * 0.42) + around);
    let halfway = (lamp - ray).normalized();
    let highlight = scene.lamp_colour * (normal.dot(halfway).max(0.0).powi(sharpness) * light * (0.35 + mirror));
    if !mirrored {
        return diffuse + highlight;
    }
    // Schlick's approximation: everything mirrors at a grazing angle.
    let grazing = (1.0 + ray.dot(normal)).clamp(0.0, 1.0).powi(5);
    let share = (mirror + (1.0 - mirror) * grazing * 0.6) * open;
    let seen = look(scene, at + normal * 0.02, ray.reflected(normal), false);
    let seen = if mirror > 0.2 { seen.tint(paint) * 1.5 } else { seen };
    diffuse * (1.0 - share) + seen * share + highlight
}

fn normal_at(scene: &Scene, at: Vec3) -> Vec3 {
    // Four corners of a tetrahedron: the gradient from four samples.
    let reach = 0.0015;
    [Vec3(1.0, -1.0, -1.0), Vec3(-1.0, -1.0, 1.0), Vec3(-1.0, 1.0, -1.0), Vec3(1.0, 1.0, 1.0)]
        .into_iter()
        .fold(Vec3::all(0.0), |sum, corner| sum + corner * distance(scene, at + corner * reach).0)
        .normalized()
}

/// Linear light of any strength becomes 0 to 1 (Reinhard's curve with white at 2.2).
fn tone(light: Vec3) -> Vec3 {
    const WHITE: f32 = 2.2;
    light
        .map(|value| (value * (1.0 + value / (WHITE * WHITE)) / (1.0 + value)).clamp(0.0, 1.0) * 1.25)
        .map(|v| v.min(1.0))
}

fn display(light: Vec3) -> Rgb<u8> {
    encode(tone(light))
}

/// The gamma of screens.
fn encode(tone: Vec3) -> Rgb<u8> {
    let byte = |value: f32| (value.clamp(0.0, 1.0).powf(1.0 / 2.2) * 255.0).round() as u8;
    Rgb([byte(tone.0), byte(tone.1), byte(tone.2)])
}
