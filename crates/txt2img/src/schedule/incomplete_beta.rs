//! Quantiles of the symmetric Beta distribution.

/// Terms of the series at x = 1/2 halve each; so many are far below a double's last bit.
const TERMS: u32 = 80;
/// Halvings of an interval of 1/2, down to a double's last bit.
const HALVINGS: u32 = 60;

/// The x in [0, 1] below which `share` of a Beta distribution with both shapes `shape` lies.
pub(super) fn quantile(share: f64, shape: f64) -> f64 {
    if share > 0.5 {
        return 1.0 - quantile(1.0 - share, shape);
    }
    // Half of the distribution lies below 1/2, which spares its normalisation.
    let wanted = 2.0 * share * incomplete(0.5, shape);
    let (mut low, mut high) = (0.0, 0.5);
    for _ in 0..HALVINGS {
        let middle = (low + high) / 2.0;
        if incomplete(middle, shape) < wanted { low = middle } else { high = middle }
    }
    high
}

/// The integral of (t (1 - t))^(shape - 1) from 0 to `x`, at most 1/2: its power series.
fn incomplete(x: f64, shape: f64) -> f64 {
    let (mut term, mut sum) = (1.0, 1.0 / shape);
    for n in 1..TERMS {
        let n = f64::from(n);
        term *= (n - shape) / n * x;
        sum += term / (shape + n);
    }
    sum * x.powf(shape)
}
