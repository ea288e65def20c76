// The L2 norm of all gradients together, and the coefficient that brings it under a bound. On CUDA nothing waits.

#include <cmath>
#include <memory>

#include <ATen/core/grad_mode.h>
#include <ATen/ops/_foreach_norm.h>
#include <ATen/ops/add.h>
#include <ATen/ops/clamp_max.h>
#include <ATen/ops/linalg_vector_norm.h>
#include <ATen/ops/mul.h>
#include <ATen/ops/reciprocal.h>
#include <ATen/ops/scalar_tensor.h>
#include <ATen/ops/stack.h>

#include "optimizer.h"
#include "sum_of_squares.h"

namespace {

// In f64, piece by piece and then over the pieces in their order: exact to f32, the same with any number of threads.
double norm_on_cpu(const std::vector<at::Tensor> &gradients) {
  std::vector<int64_t> numels;
  std::vector<size_t> first_sum; // of each gradient's pieces
  size_t pieces = 0;
  for (const auto &gradient : gradients) {
    numels.push_back(gradient.numel());
    first_sum.push_back(pieces);
    pieces += static_cast<size_t>((gradient.numel() + optimizer::PIECE - 1) / optimizer::PIECE);
  }
  std::vector<double> sums(pieces);
  optimizer::for_each_piece(numels, [&](size_t index, int64_t begin, int64_t end) {
    const auto &gradient = gradients[index];
    bool bf16 = gradient.scalar_type() == at::kBFloat16;
    const auto *start = static_cast<const char *>(gradient.const_data_ptr()) + begin * (bf16 ? 2 : 4);
    auto sum = bf16 ? sum_of_squares_bf16(reinterpret_cast<const uint16_t *>(start), end - begin)
                    : sum_of_squares_f32(reinterpret_cast<const float *>(start), end - begin);
    sums[first_sum[index] + static_cast<size_t>(begin / optimizer::PIECE)] = sum;
  });
  double total = 0;
  for (double sum : sums) total += sum;
  return std::sqrt(total);
}

at::Tensor norm_on_device(const std::vector<at::Tensor> &gradients) {
  std::vector<at::Tensor> norms;
  // One dtype at a time: a mixed list would be walked tensor by tensor.
  for (auto kind : {at::kFloat, at::kBFloat16}) {
    std::vector<at::Tensor> alike;
    for (const auto &gradient : gradients) {
      if (gradient.scalar_type() == kind) alike.push_back(gradient);
    }
    if (alike.empty()) continue;
    for (auto &norm : at::_foreach_norm(alike, 2, at::kFloat)) norms.push_back(std::move(norm));
  }
  return at::linalg_vector_norm(at::stack(norms), 2);
}

} // namespace

extern "C" {

// `*norm` and `*coefficient` are new f32 scalars that the caller owns, on the gradients' device.
const char *engine_clip(at::Tensor *const *pointers, size_t count, double max_norm, at::Tensor **norm,
                        at::Tensor **coefficient) {
  return extension::guarded([&] {
    at::NoGradGuard no_grad;
    std::vector<at::Tensor> gradients;
    for (auto &gradient : extension::tensors(pointers, count)) {
      auto kind = gradient.scalar_type();
      TORCH_CHECK(kind == at::kFloat || kind == at::kBFloat16, "a norm needs f32 or bf16 gradients, not ", kind);
      bool dense = gradient.is_non_overlapping_and_dense();
      gradients.push_back(dense ? std::move(gradient) : gradient.contiguous());
    }
    bool on_cpu = gradients.empty() || gradients[0].is_cpu();
    for (const auto &gradient : gradients) {
      TORCH_CHECK(gradient.is_cpu() == on_cpu, "gradients lie on different devices");
    }
    auto total = on_cpu ? at::scalar_tensor(norm_on_cpu(gradients), at::kFloat) : norm_on_device(gradients);
    // torch's formula, in f32 like torch; NaN stays NaN.
    auto bounded = at::clamp_max(at::mul(at::reciprocal(at::add(total, 1e-6)), max_norm), 1.0);
    auto owned_norm = std::make_unique<at::Tensor>(std::move(total));
    *coefficient = new at::Tensor(std::move(bounded));
    *norm = owned_norm.release();
  });
}

} // extern "C"
