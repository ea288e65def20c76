// The statistics of the device allocator, and where libtorch lies.

#include <ATen/Parallel.h>
#include <c10/core/Allocator.h>
#include <c10/core/CachingDeviceAllocator.h>

#include "extension.h"

namespace {

// The allocator of CUDA, or null when no libtorch_cuda is loaded or it has not been used yet.
c10::DeviceAllocator *cuda_allocator() {
  auto *allocator = dynamic_cast<c10::DeviceAllocator *>(c10::GetAllocator(c10::DeviceType::CUDA));
  return allocator != nullptr && allocator->initialized() ? allocator : nullptr;
}

} // namespace

extern "C" {

// The most bytes that tensors held on the CUDA device at once since the last reset; -1 when there is no such figure.
const char *engine_cuda_peak_bytes(int index, int64_t *bytes) {
  return extension::guarded([&] {
    *bytes = -1;
    if (auto *allocator = cuda_allocator()) {
      auto stats = allocator->getDeviceStats(static_cast<c10::DeviceIndex>(index));
      *bytes = stats.allocated_bytes[static_cast<size_t>(c10::CachingAllocator::StatType::AGGREGATE)].peak;
    }
  });
}

const char *engine_cuda_reset_peak(int index) {
  return extension::guarded([&] {
    if (auto *allocator = cuda_allocator()) allocator->resetPeakStats(static_cast<c10::DeviceIndex>(index));
  });
}

// Gives cached blocks that no tensor uses back to the driver.
const char *engine_cuda_release_cached() {
  return extension::guarded([&] {
    if (auto *allocator = cuda_allocator()) allocator->emptyCache();
  });
}

// Free bytes of the CUDA device, those that the allocator keeps for reuse among them; -1 when there is no such figure.
const char *engine_cuda_free_bytes(int index, int64_t *bytes) {
  return extension::guarded([&] {
    *bytes = -1;
    if (auto *allocator = cuda_allocator()) {
      auto device = static_cast<c10::DeviceIndex>(index);
      auto stats = allocator->getDeviceStats(device);
      auto all = static_cast<size_t>(c10::CachingAllocator::StatType::AGGREGATE);
      auto kept = stats.reserved_bytes[all].current - stats.allocated_bytes[all].current;
      *bytes = static_cast<int64_t>(allocator->getMemoryInfo(device).first) + kept;
    }
  });
}

// An address inside libtorch_cpu, by which the loader tells which file that library came from.
const void *engine_libtorch_address() { return reinterpret_cast<const void *>(&at::get_num_threads); }

} // extern "C"
