// What this process's libtorch is, in words.

#include <ATen/Context.h>
#include <ATen/Version.h>

#include <string>

extern "C" {

// The build settings of the loaded library, not of the headers. Lives as long as the process.
const char *engine_libtorch_config() {
  static const std::string config = at::show_config();
  return config.c_str();
}

// The vector instructions that its kernels use: what the processor has, or less when the environment says so.
const char *engine_libtorch_cpu_capability() {
  static const std::string capability = at::get_cpu_capability();
  return capability.c_str();
}

} // extern "C"
