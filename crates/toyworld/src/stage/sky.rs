//! What is behind everything.

use super::Stage;
use crate::noise::{cell, noise};
use crate::place::Place;
use crate::vector::{Vector, grey, smooth, v};

impl Stage {
    /// The light from the direction `ray`, which does not look down.
    pub(super) fn sky(&self, ray: Vector) -> Vector {
        let clear = self.look.horizon.mix(self.look.zenith, ray.y.clamp(0.0, 1.0).sqrt());
        let sun = self.look.lamp * (0.05 * ray.dot(self.lamp).max(0.0).powi(24));
        match self.place {
            Place::Moon => self.earth(ray, self.stars(ray, clear)),
            Place::Night => self.full_moon(ray, self.stars(ray, clear)),
            Place::Meadow | Place::Beach => self.clouds(ray, clear) + sun,
            Place::Snow => self.hills(ray, clear) + sun,
            _ => clear + sun,
        }
    }

    fn azimuth(ray: Vector) -> f32 {
        ray.x.atan2(-ray.z)
    }

    fn stars(&self, ray: Vector, sky: Vector) -> Vector {
        let (across, up) = (Self::azimuth(ray) * 20.0 + self.shift, ray.y * 20.0);
        let (column, row) = (across.floor(), up.floor());
        if cell(column, row) <= 0.80 {
            return sky;
        }
        let (x, y) = (across - column - 0.5, up - row - 0.5);
        let star = smooth(0.20, 0.08, (x * x + y * y).sqrt());
        sky + grey(star * (0.6 + 1.2 * cell(column + 9.0, row)))
    }

    /// How far `ray` is from the heavenly body beside the figure.
    fn distance_from_body(&self, ray: Vector) -> f32 {
        let side = (self.shift * 1.7).sin().signum() * (0.10 + 0.08 * (self.shift * 0.9).cos().abs());
        (ray - v(side, 0.19, -1.0).unit().turned(self.camera.yaw.sin_cos())).length()
    }

    fn earth(&self, ray: Vector, sky: Vector) -> Vector {
        let land = smooth(0.45, 0.55, noise(ray.x * 40.0 + self.shift, ray.y * 40.0));
        let globe = v(0.06, 0.25, 0.85).mix(v(0.10, 0.42, 0.12), land);
        sky.mix(globe, smooth(0.066, 0.060, self.distance_from_body(ray)))
    }

    fn full_moon(&self, ray: Vector, sky: Vector) -> Vector {
        let away = self.distance_from_body(ray);
        sky.mix(v(1.5, 1.4, 1.0), smooth(0.058, 0.052, away)) + v(0.25, 0.22, 0.2) * (smooth(0.2, 0.0, away) * 0.5)
    }

    fn clouds(&self, ray: Vector, sky: Vector) -> Vector {
        let azimuth = Self::azimuth(ray);
        let large = noise(azimuth * 5.0 + self.shift, ray.y * 14.0);
        let small = noise(azimuth * 11.0 + self.shift, ray.y * 28.0);
        let share = smooth(0.52, 0.78, 0.6 * large + 0.4 * small) * 0.85 * smooth(0.0, 0.12, ray.y);
        sky.mix(grey(1.15), share)
    }

    fn hills(&self, ray: Vector, sky: Vector) -> Vector {
        let azimuth = Self::azimuth(ray);
        let ridge = 0.08 + 0.05 * (azimuth * 3.0 + self.shift).sin() + 0.03 * (azimuth * 7.1 + self.shift * 2.0).sin();
        if ray.y < ridge { v(0.80, 0.86, 0.98) * (0.75 + 2.0 * (ridge - ray.y).min(0.1)) } else { sky }
    }
}
