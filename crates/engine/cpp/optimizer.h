// What the optimizers share: the tensors of a parameter, checked, and the walk over all of them in pieces.

#pragma once

#include <algorithm>

#include <torch/csrc/stable/c/shim.h>

#include "adamw_8bit_kernel.h"
#include "extension.h"
#include "optimizer_parameters.h"

namespace optimizer {

// Elements that one thread updates before it takes the next piece. A piece depends on the tensors alone, never on the number
// of threads; a multiple of every block size of the 8-bit state, and small enough for the processor's caches.
constexpr int64_t PIECE = 32768;

// Whether two tensors of one shape lie in memory alike. Sides of length 1 have strides that say nothing.
inline bool same_layout(const at::Tensor &a, const at::Tensor &b) {
  if (a.sizes() != b.sizes()) return false;
  for (int64_t i = 0; i < a.dim(); ++i) {
    if (a.size(i) != 1 && a.stride(i) != b.stride(i)) return false;
  }
  return true;
}

// A kernel changes memory behind autograd's back; this tells it, so that a graph made before the step is refused, not wrong.
inline void tell_changed(const at::Tensor &tensor) { tensor.unsafeGetTensorImpl()->bump_version(); }

inline void check_on_cpu(const at::Tensor &master) {
  TORCH_CHECK(master.is_cpu(), "this kernel is for the CPU, and a tensor is on ", master.device());
}

inline void check_layout(const at::Tensor &master, const at::Tensor &other) {
  TORCH_CHECK(same_layout(master, other), "a gradient, shadow or moment lies in memory otherwise than its parameter");
}

// The numbers of a parameter as the kernels take them. `shadow` may be null.
inline kernel::Weights weights(const at::Tensor &master, const at::Tensor *shadow, const at::Tensor &gradient,
                               float clip) {
  TORCH_CHECK(gradient.device() == master.device(), "a weight is on ", master.device(), ", its gradient on ", gradient.device());
  TORCH_CHECK(master.scalar_type() == at::kFloat, "an optimizer needs f32 masters, not ", master.scalar_type());
  TORCH_CHECK(master.is_non_overlapping_and_dense(), "an optimizer needs parameters that own their memory");
  auto kind = gradient.scalar_type();
  TORCH_CHECK(kind == at::kFloat || kind == at::kBFloat16, "an optimizer needs f32 or bf16 gradients, not ", kind);
  check_layout(master, gradient);
  uint16_t *shadow_data = nullptr;
  if (shadow != nullptr) {
    check_layout(master, *shadow);
    shadow_data = reinterpret_cast<uint16_t *>(shadow->mutable_data_ptr<at::BFloat16>());
    tell_changed(*shadow);
  }
  tell_changed(master);
  return {master.mutable_data_ptr<float>(), shadow_data, gradient.const_data_ptr(), kind == at::kBFloat16, clip, master.numel()};
}

// The two moments of a parameter, as the kernels take them.
inline std::pair<float *, float *> moments(const EngineAdamWParameter &p) {
  for (const auto *moment : {p.exp_avg, p.exp_avg_sq}) {
    TORCH_CHECK(moment->device() == p.master->device(), "a moment is on ", moment->device());
    check_layout(*p.master, *moment);
  }
  return {p.exp_avg->mutable_data_ptr<float>(), p.exp_avg_sq->mutable_data_ptr<float>()};
}

// The same with 8-bit state, in blocks of `block` weights.
inline std::pair<kernel::Moment, kernel::Moment> packed_moments(const EngineAdamW8bitParameter &p, int64_t block) {
  auto moment = [&](const at::Tensor &codes, const at::Tensor &absmax) {
    TORCH_CHECK(codes.device() == p.master->device() && absmax.device() == codes.device(), "a moment is on ", codes.device());
    TORCH_CHECK(codes.is_contiguous() && codes.numel() == p.master->numel(), "as many codes as weights");
    TORCH_CHECK(absmax.is_contiguous() && absmax.numel() == (codes.numel() + block - 1) / block, "an absmax a block");
    return kernel::Moment{codes.mutable_data_ptr<uint8_t>(), absmax.mutable_data_ptr<float>()};
  };
  return {moment(*p.exp_avg_codes, *p.exp_avg_absmax), moment(*p.exp_avg_sq_codes, *p.exp_avg_sq_absmax)};
}

// Calls `update(index, begin, end)` for all pieces of tensors with these numbers of elements, on all of libtorch's threads. It
// must not throw. at::parallel_for would run on one thread here: it is a header's OpenMP, and this extension is compiled without
// it, so that no second pool of threads comes into the process.
template <typename Update> void for_each_piece(const std::vector<int64_t> &numels, Update update) {
  struct Piece {
    size_t index;
    int64_t begin, end;
  };
  std::vector<Piece> pieces;
  for (size_t index = 0; index < numels.size(); ++index) {
    for (int64_t begin = 0; begin < numels[index]; begin += PIECE) {
      pieces.push_back({index, begin, std::min(begin + PIECE, numels[index])});
    }
  }
  struct Work {
    const std::vector<Piece> &pieces;
    Update &update;
  } work{pieces, update};
  auto some = [](int64_t first, int64_t last, void *context) {
    auto &work = *static_cast<Work *>(context);
    for (int64_t i = first; i < last; ++i) work.update(work.pieces[i].index, work.pieces[i].begin, work.pieces[i].end);
  };
  auto failed = torch_parallel_for(0, static_cast<int64_t>(pieces.size()), 1, some, &work);
  TORCH_CHECK(!failed, "libtorch could not run an optimizer on its threads");
}

} // namespace optimizer
