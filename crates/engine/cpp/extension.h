// What the files of this extension share: how tensors come in, and how a failure goes out.
//
// The extension supplies what libtorch offers and tch does not bind, and what neither has. It links to libtorch_cpu and
// libc10 only; where libtorch_cuda is loaded, the same calls reach CUDA through the dispatcher.
//
// A tensor arrives as tch holds it: a pointer to an at::Tensor that the caller keeps alive during the call.
// Every function returns null, or a message: no exception crosses into Rust. A message stands in a buffer of the calling
// thread until that thread's next call, and nobody frees it: telling what went wrong needs no memory, so that a failure
// for lack of memory is told, too.

#pragma once

#include <cstdint>
#include <cstdio>
#include <exception>
#include <vector>

#include <ATen/Tensor.h>

namespace extension {

inline std::vector<at::Tensor> tensors(at::Tensor *const *pointers, size_t count) {
  std::vector<at::Tensor> result;
  result.reserve(count);
  for (size_t i = 0; i < count; ++i) result.push_back(*pointers[i]);
  return result;
}

// Longer messages are cut; their first line says what is wrong.
constexpr size_t MESSAGE_BYTES = 1024;

inline const char *message(const char *text) {
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

} // namespace extension
