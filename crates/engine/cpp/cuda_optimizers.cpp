// One step of the optimizers by the kernels of optimizers.cu. Nothing here waits for the device.

#include <c10/core/Stream.h>
#include <c10/core/impl/VirtualGuardImpl.h>

#include "dynamic_map.h"
#include "optimizer.h"
#include "optimizer_launch.h"

static_assert(table::INTERVALS == dynamic_map::INTERVALS, "the kernels and the tables must agree");

extern "C" {

// cuLaunchKernel of the driver API; handles and the answer are what the driver calls CUfunction, CUstream and CUresult.
using EngineLaunchKernel = int (*)(void *function, unsigned grid_x, unsigned grid_y, unsigned grid_z, unsigned block_x,
                                   unsigned block_y, unsigned block_z, unsigned shared_bytes, void *stream, void **arguments,
                                   void **extra);

// As in ffi.rs: a kernel, the driver's function that launches it, and the number of the device that it was loaded for.
struct EngineCudaKernel {
  EngineLaunchKernel launch;
  void *function;
  int device;
};

} // extern "C"

namespace {

template <typename Entry>
void launch_all(const std::vector<Entry> &entries, const at::Tensor &coefficient, const EngineCudaKernel &kernel) {
  at::Device device(at::kCUDA, static_cast<at::DeviceIndex>(kernel.device));
  auto clip = coefficient.to(device, at::kFloat); // itself, where it is there already
  auto stream = c10::impl::VirtualGuardImpl(at::kCUDA).getStream(device);
  table::for_each_table(entries, clip.const_data_ptr<float>(), [&](table::Table<Entry> &table, unsigned pieces) {
    void *arguments[] = {&table};
    int answer = kernel.launch(kernel.function, pieces, 1, 1, table::THREADS, 1, 1, 0, stream.native_handle(), arguments, nullptr);
    TORCH_CHECK(answer == 0, "the CUDA driver refused to launch a kernel with error ", answer);
  });
}

// `shadow` may be null.
table::Weights weights(const at::Tensor &master, const at::Tensor *shadow, const at::Tensor &gradient,
                       const EngineCudaKernel &kernel) {
  TORCH_CHECK(master.is_cuda() && master.get_device() == kernel.device, "a weight is on ", master.device(), ", not on GPU ",
              kernel.device);
  auto checked = optimizer::weights(master, shadow, gradient, 0);
  return {checked.master, checked.shadow, checked.gradient, checked.count, checked.bf16_gradient, 0};
}

} // namespace

extern "C" {

// One step of AdamW over `count` parameters with gradients; each gradient counts `coefficient` times.
const char *engine_cuda_adamw(const EngineAdamWParameter *parameters, size_t count, const at::Tensor *coefficient,
                              const EngineCudaKernel *kernel) {
  return extension::guarded([&] {
    std::vector<table::AdamW> entries;
    for (const auto *p = parameters; p != parameters + count; ++p) {
      auto [exp_avg, exp_avg_sq] = optimizer::moments(*p);
      entries.push_back({weights(*p->master, p->shadow, *p->gradient, *kernel), exp_avg, exp_avg_sq, p->constants});
    }
    launch_all(entries, *coefficient, *kernel);
  });
}

// The same with 8-bit state, in blocks of `block` weights: that of the kernel.
const char *engine_cuda_adamw_8bit(const EngineAdamW8bitParameter *parameters, size_t count, const at::Tensor *coefficient,
                                   const EngineCudaKernel *kernel, int64_t block) {
  return extension::guarded([&] {
    std::vector<table::AdamW8bit> entries;
    for (const auto *p = parameters; p != parameters + count; ++p) {
      auto [exp_avg, exp_avg_sq] = optimizer::packed_moments(*p, block);
      entries.push_back({weights(*p->master, p->shadow, *p->gradient, *kernel), {exp_avg.codes, exp_avg.absmax},
                         {exp_avg_sq.codes, exp_avg_sq.absmax}, p->constants});
    }
    launch_all(entries, *coefficient, *kernel);
  });
}

} // extern "C"
