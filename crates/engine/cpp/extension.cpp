// What libtorch offers and tch does not bind: the fused AdamW step, norms and scaling of many tensors at once, and
// the statistics of the device allocator. It links to libtorch_cpu and libc10 only; where libtorch_cuda is loaded,
// the same calls reach CUDA through the dispatcher.
//
// A tensor arrives as tch holds it: a pointer to an at::Tensor that the caller keeps alive during the call.
// Every function returns null, or a message: no exception crosses into Rust. A message stands in a buffer of the calling
// thread until that thread's next call, and nobody frees it: telling what went wrong needs no memory, so that a failure
// for lack of memory is told, too.

#include <cstdint>
#include <cstdio>
#include <exception>
#include <vector>

#include <ATen/Parallel.h>
#include <ATen/Tensor.h>
#include <ATen/core/grad_mode.h>
#include <ATen/ops/_foreach_add.h>
#include <ATen/ops/_foreach_mul.h>
#include <ATen/ops/_foreach_norm.h>
#include <ATen/ops/_fused_adamw.h>
#include <ATen/ops/add.h>
#include <ATen/ops/clamp_max.h>
#include <ATen/ops/empty_like.h>
#include <ATen/ops/linalg_vector_norm.h>
#include <ATen/ops/mul.h>
#include <ATen/ops/reciprocal.h>
#include <ATen/ops/stack.h>
#include <c10/core/Allocator.h>
#include <c10/core/CachingDeviceAllocator.h>
#include <c10/core/InferenceMode.h>

namespace {

std::vector<at::Tensor> tensors(at::Tensor *const *pointers, size_t count) {
  std::vector<at::Tensor> result;
  result.reserve(count);
  for (size_t i = 0; i < count; ++i) result.push_back(*pointers[i]);
  return result;
}

// Longer messages are cut; their first line says what is wrong.
constexpr size_t MESSAGE_BYTES = 1024;

const char *message(const char *text) {
  static thread_local char buffer[MESSAGE_BYTES];
  std::snprintf(buffer, sizeof buffer, "%s", text);
  return buffer;
}

template <typename Body> const char *guarded(Body body) {
  try {
    body();
    return nullptr;
  } catch (const c10::Error &error) {
    return message(error.what_without_backtrace());
  } catch (const std::exception &error) {
    return message(error.what());
  } catch (...) {
    return message("an unknown C++ exception");
  }
}

// The allocator of CUDA, or null when no libtorch_cuda is loaded or it has not been used yet.
c10::DeviceAllocator *cuda_allocator() {
  auto *allocator = dynamic_cast<c10::DeviceAllocator *>(c10::GetAllocator(c10::DeviceType::CUDA));
  return allocator != nullptr && allocator->initialized() ? allocator : nullptr;
}

} // namespace

extern "C" {

// One AdamW step over `count` parameters; `steps` are f32 scalars on the parameters' device, counted up here.
const char *engine_fused_adamw(at::Tensor *const *parameters, at::Tensor *const *gradients, at::Tensor *const *exp_avgs,
                               at::Tensor *const *exp_avg_sqs, at::Tensor *const *steps, size_t count, double lr,
                               double beta1, double beta2, double eps, double weight_decay) {
  return guarded([&] {
    at::NoGradGuard no_grad;
    auto p = tensors(parameters, count);
    auto g = tensors(gradients, count);
    auto m = tensors(exp_avgs, count);
    auto v = tensors(exp_avg_sqs, count);
    auto s = tensors(steps, count);
    for (size_t i = 0; i < count; ++i) {
      TORCH_CHECK(p[i].is_non_overlapping_and_dense(), "AdamW needs parameters that own their memory");
      // The CPU kernel walks memory, not indices: all four must be laid out alike.
      if (g[i].strides() != p[i].strides()) g[i] = at::empty_like(p[i]).copy_(g[i]);
    }
    at::_foreach_add_(s, 1);
    at::_fused_adamw_(p, g, m, v, /*max_exp_avg_sqs=*/{}, s, lr, beta1, beta2, weight_decay, eps, /*amsgrad=*/false,
                      /*maximize=*/false);
  });
}

// Scales `gradients` in place so that their common L2 norm is at most `max_norm`; `*norm` is the norm before.
const char *engine_clip_grad_norm(at::Tensor *const *gradients, size_t count, double max_norm, double *norm) {
  return guarded([&] {
    at::NoGradGuard no_grad;
    auto g = tensors(gradients, count);
    auto total = at::linalg_vector_norm(at::stack(at::_foreach_norm(g, 2)), 2);
    auto coefficient = at::clamp_max(at::mul(at::reciprocal(at::add(total, 1e-6)), max_norm), 1.0);
    at::_foreach_mul_(g, coefficient);
    *norm = total.item<double>(); // the only place where the host waits for the device
  });
}

// Forgets the gradients of `parameters`: undefined afterwards, their memory free. tch can only zero them.
const char *engine_drop_gradients(at::Tensor *const *parameters, size_t count) {
  return guarded([&] {
    for (size_t i = 0; i < count; ++i) parameters[i]->mutable_grad().reset();
  });
}

// The most bytes that tensors held on the CUDA device at once since the last reset; -1 when there is no such figure.
const char *engine_cuda_peak_bytes(int index, int64_t *bytes) {
  return guarded([&] {
    *bytes = -1;
    if (auto *allocator = cuda_allocator()) {
      auto stats = allocator->getDeviceStats(static_cast<c10::DeviceIndex>(index));
      *bytes = stats.allocated_bytes[static_cast<size_t>(c10::CachingAllocator::StatType::AGGREGATE)].peak;
    }
  });
}

const char *engine_cuda_reset_peak(int index) {
  return guarded([&] {
    if (auto *allocator = cuda_allocator()) allocator->resetPeakStats(static_cast<c10::DeviceIndex>(index));
  });
}

// Gives cached blocks that no tensor uses back to the driver.
const char *engine_cuda_release_cached() {
  return guarded([&] {
    if (auto *allocator = cuda_allocator()) allocator->emptyCache();
  });
}

// An address inside libtorch_cpu, by which the loader tells which file that library came from.
const void *engine_libtorch_address() { return reinterpret_cast<const void *>(&at::get_num_threads); }

} // extern "C"
