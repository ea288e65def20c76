//! Lagrange's polynomials, which multistep methods integrate.

/// The coefficients, from the lowest power, of the polynomial that is 1 at node `own` and 0 at the others.
pub(super) fn polynomial(nodes: &[f64], own: usize) -> Vec<f64> {
    let others = nodes.iter().enumerate().filter(|(other, _)| *other != own);
    others.fold(vec![1.0], |polynomial, (_, node)| {
        let scale = nodes[own] - node;
        let mut product = vec![0.0; polynomial.len() + 1];
        for (power, factor) in polynomial.iter().enumerate() {
            product[power] -= factor * node / scale;
            product[power + 1] += factor / scale;
        }
        product
    })
}
