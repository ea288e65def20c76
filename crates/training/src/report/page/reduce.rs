//! Curves of many steps with few points, so that a page stays small.

/// Most points of a line: more than it has pixels.
pub(super) const POINTS_MAX: usize = 800;
/// A mean is taken over this part of all steps,
const WINDOW_SHARE: usize = 10;
/// and over so many at least, and at most.
const WINDOW: (usize, usize) = (3, 1_000);

/// Step and value.
pub(super) type Point = (f64, f64);

/// The values of the steps from 1 on; of several steps in one point's place, the lowest and the highest.
pub(super) fn extremes(values: &[f64]) -> Vec<Point> {
    let point = |index: usize| ((index + 1) as f64, values[index]);
    if values.len() <= POINTS_MAX {
        return (0..values.len()).map(point).collect();
    }
    let size = values.len().div_ceil(POINTS_MAX / 2);
    let mut points = Vec::with_capacity(POINTS_MAX);
    for begin in (0..values.len()).step_by(size) {
        let bucket = begin..(begin + size).min(values.len());
        let lowest = bucket.clone().min_by(|&a, &b| values[a].total_cmp(&values[b])).unwrap_or(begin);
        let highest = bucket.max_by(|&a, &b| values[a].total_cmp(&values[b])).unwrap_or(begin);
        points.push(point(lowest.min(highest)));
        if lowest != highest {
            points.push(point(lowest.max(highest)));
        }
    }
    points
}

/// The mean of the steps around each step, over a tenth of all steps; towards the ends, over those of them that there are.
pub(super) fn smoothed(values: &[f64]) -> Vec<Point> {
    let reach = (values.len() / WINDOW_SHARE).clamp(WINDOW.0, WINDOW.1) / 2;
    // Sums and counts of all finite values before an index.
    let mut before = vec![(0.0, 0.0)];
    for &value in values {
        let (sum, count) = before[before.len() - 1];
        before.push(if value.is_finite() { (sum + value, count + 1.0) } else { (sum, count) });
    }
    let mean = |index: usize| {
        let (first, last) = (before[index.saturating_sub(reach)], before[(index + reach + 1).min(values.len())]);
        ((index + 1) as f64, (last.0 - first.0) / (last.1 - first.1))
    };
    let stride = values.len().div_ceil(POINTS_MAX - 1).max(1);
    let last = values.len().checked_sub(1);
    let inner = (0..values.len().saturating_sub(1)).step_by(stride);
    inner.chain(last).map(mean).collect()
}
