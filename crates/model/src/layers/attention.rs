//! Scaled dot-product attention (Vaswani et al., 2017).

use engine::tch::Tensor;

/// Scaled dot-product attention of `heads` heads over already projected queries, keys and values.
///
/// `[batch, n, heads · size]` and twice `[batch, m, heads · size]` to `[batch, n, heads · size]`.
pub fn attention(query: &Tensor, key: &Tensor, value: &Tensor, heads: i64, is_causal: bool) -> Tensor {
    let split = |x: &Tensor| x.unflatten(-1, [heads, -1]).transpose(1, 2);
    let mixed = Tensor::scaled_dot_product_attention(
        &split(query),
        &split(key),
        &split(value),
        None::<Tensor>,
        0.0,
        is_causal,
        None,
        false,
    );
    mixed.transpose(1, 2).flatten(2, 3)
}
