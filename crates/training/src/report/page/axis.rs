//! An axis: from where to where, and what is written beside it.

use super::numbers::grouped;

/// About how many marks an axis has.
const TICKS: f64 = 4.0;
/// A span of more than this is drawn in powers of ten.
const LOGARITHMIC_FROM: f64 = 50.0;

/// An axis.
#[derive(Debug)]
pub(super) struct Axis {
    low: f64,
    high: f64,
    logarithmic: bool,
    /// Values with their labels.
    pub(super) ticks: Vec<(f64, String)>,
}

impl Axis {
    /// From 0 to `steps` steps.
    pub(super) fn steps(steps: u64) -> Self {
        let high = (steps as f64).max(1.0);
        let step = nice_step(high).max(1.0);
        let ticks = (0..).map(|k| f64::from(k) * step).take_while(|&at| at <= high * 1.000_1);
        Self { low: 0.0, high, logarithmic: false, ticks: ticks.map(|at| (at, grouped(at as u64))).collect() }
    }

    /// From 0 to the highest of `values`.
    pub(super) fn from_zero(values: impl Iterator<Item = f64>) -> Self {
        let (_, high) = span(values).unwrap_or((0.0, 1.0));
        Self::linear(0.0, if high > 0.0 { high } else { 1.0 })
    }

    /// From the lowest of `values` to the highest.
    pub(super) fn around(values: impl Iterator<Item = f64>) -> Self {
        let (low, high) = span(values).unwrap_or((0.0, 1.0));
        // Two measurements that hardly differ shall not look as if they did.
        let margin = (0.02 * high.abs() - (high - low)).max(0.0) / 2.0;
        Self::linear(low - margin, high + margin)
    }

    /// From 0, or in powers of ten when `values` differ much.
    pub(super) fn of_magnitudes(values: impl Iterator<Item = f64>) -> Self {
        let (low, high) = span(values.filter(|&value| value > 0.0)).unwrap_or((1.0, 1.0));
        if high / low < LOGARITHMIC_FROM {
            return Self::from_zero([high].into_iter());
        }
        let (first, last) = (low.log10().floor() as i32, high.log10().ceil() as i32);
        let stride = ((f64::from(last - first) / TICKS).ceil() as usize).max(1);
        let ticks = (first..=last).step_by(stride).map(|power| (10f64.powi(power), power_of_ten(power)));
        Self { low: f64::from(first), high: f64::from(last), logarithmic: true, ticks: ticks.collect() }
    }

    fn linear(low: f64, high: f64) -> Self {
        let high = if high > low { high } else { low + 1.0 };
        let step = nice_step(high - low);
        let (first, last) = ((low / step).floor() as i64, (high / step - 1e-9).ceil() as i64);
        let labels = Labels::of(first, last, step);
        let ticks = (first..=last).map(|k| (k as f64 * step, labels.label(k))).collect();
        Self { low: first as f64 * step, high: last as f64 * step, logarithmic: false, ticks }
    }

    /// Where `value` lies: 0 at the beginning of the axis, 1 at its end. `None` for what is nowhere on it.
    pub(super) fn place(&self, value: f64) -> Option<f64> {
        let value = if self.logarithmic { value.log10() } else { value };
        let place = (value - self.low) / (self.high - self.low);
        place.is_finite().then(|| place.clamp(0.0, 1.0))
    }
}

/// The lowest and the highest of those that are finite.
fn span(values: impl Iterator<Item = f64>) -> Option<(f64, f64)> {
    values.filter(|value| value.is_finite()).fold(None, |span: Option<(f64, f64)>, value| {
        let (low, high) = span.unwrap_or((value, value));
        Some((low.min(value), high.max(value)))
    })
}

/// 1, 2 or 5 times a power of ten, of which about [`TICKS`] go into `range`.
fn nice_step(range: f64) -> f64 {
    let rough = range / TICKS;
    let power = 10f64.powf(rough.log10().floor());
    let factor = [1.0, 2.0, 5.0].into_iter().find(|factor| factor * power >= rough * 0.999).unwrap_or(10.0);
    factor * power
}

fn power_of_ten(power: i32) -> String {
    match power {
        -3..=3 => format!("{:.*}", usize::try_from(-power).unwrap_or(0), 10f64.powi(power)),
        _ => format!("1e{power}").replace('-', "−"),
    }
}

/// Labels of equal steps: as many decimals as the step has, and one power of ten for all where they are tiny or huge.
struct Labels {
    step: f64,
    /// The power of ten that is written behind each.
    power: i32,
    decimals: usize,
}

impl Labels {
    fn of(first: i64, last: i64, step: f64) -> Self {
        let largest = step * first.abs().max(last.abs()) as f64;
        let magnitude = largest.log10().floor() as i32;
        let power = if (-3..=5).contains(&magnitude) { 0 } else { magnitude };
        let of_step = (step / 10f64.powi(power)).log10() + 1e-9;
        Self { step, power, decimals: (-of_step.floor()).max(0.0) as usize }
    }

    fn label(&self, k: i64) -> String {
        let number = k as f64 * self.step / 10f64.powi(self.power);
        let text = format!("{number:.*}", self.decimals);
        let text = if self.power == 0 || k == 0 { text } else { format!("{text}e{}", self.power) };
        if k == 0 { "0".into() } else { text.replace('-', "−") }
    }
}
