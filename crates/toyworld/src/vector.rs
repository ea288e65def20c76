//! Points, directions and linear colours.

use std::ops::{Add, Mul, Sub};

/// Three numbers: x to the right, y up, z towards the viewer; or red, green, blue.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Vector {
    pub(crate) x: f32,
    pub(crate) y: f32,
    pub(crate) z: f32,
}

/// Short for a vector of three numbers.
#[inline(always)]
pub(crate) const fn v(x: f32, y: f32, z: f32) -> Vector {
    Vector { x, y, z }
}

/// Three times the same number: a grey.
#[inline(always)]
pub(crate) const fn grey(value: f32) -> Vector {
    v(value, value, value)
}

impl Vector {
    #[inline(always)]
    pub(crate) fn dot(self, other: Self) -> f32 {
        self.x * other.x + self.y * other.y + self.z * other.z
    }

    #[inline(always)]
    pub(crate) fn length(self) -> f32 {
        self.dot(self).sqrt()
    }

    /// The direction of a vector that is not zero.
    pub(crate) fn unit(self) -> Self {
        self * (1.0 / self.length())
    }

    pub(crate) fn cross(self, other: Self) -> Self {
        v(self.y * other.z - self.z * other.y, self.z * other.x - self.x * other.z, self.x * other.y - self.y * other.x)
    }

    /// `share` of the way to `other`.
    pub(crate) fn mix(self, other: Self, share: f32) -> Self {
        self * (1.0 - share) + other * share
    }

    #[inline(always)]
    pub(crate) fn abs(self) -> Self {
        v(self.x.abs(), self.y.abs(), self.z.abs())
    }

    /// Negative numbers become zero.
    #[inline(always)]
    pub(crate) fn positive(self) -> Self {
        v(self.x.max(0.0), self.y.max(0.0), self.z.max(0.0))
    }

    pub(crate) fn largest(self) -> f32 {
        self.x.max(self.y).max(self.z)
    }

    /// Turned about the vertical by the angle of this sine and cosine.
    #[inline(always)]
    pub(crate) fn turned(self, (sin, cos): (f32, f32)) -> Self {
        v(self.x * cos + self.z * sin, self.y, -self.x * sin + self.z * cos)
    }
}

impl Add for Vector {
    type Output = Self;
    #[inline(always)]
    fn add(self, other: Self) -> Self {
        v(self.x + other.x, self.y + other.y, self.z + other.z)
    }
}

impl Sub for Vector {
    type Output = Self;
    #[inline(always)]
    fn sub(self, other: Self) -> Self {
        v(self.x - other.x, self.y - other.y, self.z - other.z)
    }
}

impl Mul<f32> for Vector {
    type Output = Self;
    #[inline(always)]
    fn mul(self, factor: f32) -> Self {
        v(self.x * factor, self.y * factor, self.z * factor)
    }
}

impl Mul for Vector {
    type Output = Self;
    #[inline(always)]
    fn mul(self, other: Self) -> Self {
        v(self.x * other.x, self.y * other.y, self.z * other.z)
    }
}

/// 0 at `from`, 1 at `to`, with a smooth start and end.
pub(crate) fn smooth(from: f32, to: f32, value: f32) -> f32 {
    let share = ((value - from) / (to - from)).clamp(0.0, 1.0);
    share * share * (3.0 - 2.0 * share)
}
