// As much of CUDA as the kernels use, on the CPU: the threads of a warp take turns, each until it exchanges numbers with the
// others; and each warp runs alone until all its threads are at a barrier, so that what lacks one gives a wrong answer.

#pragma once

#include <cstdio>
#include <cstdlib>
#include <functional>
#include <memory>
#include <vector>

#include <ucontext.h>

#define __device__
#define __global__
#define __shared__ static
#define __grid_constant__
#define __launch_bounds__(threads)

struct Place {
  unsigned x;
};
static Place threadIdx, blockIdx;

namespace cuda_on_cpu {

constexpr unsigned THREADS = 256;
constexpr unsigned WARP = 32;
constexpr size_t STACK_BYTES = 65536;

enum class Waits { ForWarp, ForBlock, ForNobody };

struct Thread {
  ucontext_t context;
  std::unique_ptr<char[]> stack{new char[STACK_BYTES]};
  Waits waits;
};

static std::vector<Thread> threads(THREADS);
static ucontext_t scheduler;
static std::function<void()> body;

static void run_thread() {
  body();
  threads[threadIdx.x].waits = Waits::ForNobody;
}

// Gives the turn away until all threads of the warp or the block have come here.
static void wait(Waits waits) {
  threads[threadIdx.x].waits = waits;
  swapcontext(&threads[threadIdx.x].context, &scheduler);
}

static void start_all() {
  for (auto &thread : threads) {
    getcontext(&thread.context);
    thread.context.uc_stack.ss_sp = thread.stack.get();
    thread.context.uc_stack.ss_size = STACK_BYTES;
    thread.context.uc_link = &scheduler;
    makecontext(&thread.context, run_thread, 0);
  }
}

// Gives each thread from `first` on one turn; what all of them wait for then.
static Waits turn(unsigned first, unsigned count) {
  for (threadIdx.x = first; threadIdx.x < first + count; ++threadIdx.x) {
    swapcontext(&scheduler, &threads[threadIdx.x].context);
  }
  for (unsigned i = first; i < first + count; ++i) {
    if (threads[i].waits == threads[first].waits) continue;
    std::fprintf(stderr, "threads %u and %u of block %u wait at different places\n", first, i, blockIdx.x);
    std::abort();
  }
  return threads[first].waits;
}

// Runs `kernel` in all threads of all blocks.
template <typename Kernel> void launch(unsigned blocks, Kernel kernel) {
  body = kernel;
  for (blockIdx.x = 0; blockIdx.x < blocks; ++blockIdx.x) {
    start_all();
    Waits waits;
    do {
      for (unsigned warp = 0; warp < THREADS; warp += WARP) {
        while ((waits = turn(warp, WARP)) == Waits::ForWarp) {
        }
        if (warp > 0 && waits != threads[0].waits) std::abort();
      }
    } while (waits != Waits::ForNobody);
  }
}

} // namespace cuda_on_cpu

static void __syncthreads() { cuda_on_cpu::wait(cuda_on_cpu::Waits::ForBlock); }

// Two rows by turns: nobody writes a number that another thread has yet to read.
static unsigned __shfl_xor_sync(unsigned, unsigned value, int distance) {
  static unsigned rows[2][cuda_on_cpu::THREADS];
  static unsigned calls[cuda_on_cpu::THREADS];
  unsigned thread = threadIdx.x;
  unsigned *row = rows[calls[thread]++ % 2];
  row[thread] = value;
  cuda_on_cpu::wait(cuda_on_cpu::Waits::ForWarp);
  return row[thread ^ static_cast<unsigned>(distance)];
}
