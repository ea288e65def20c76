// The optimizers on a GPU: one pass over all parameters, with the bits of the CPU's kernels. NVRTC compiles this text for the GPU
// at hand (kernels.rs); a test compiles it for the CPU.
//
// One CUDA block updates one piece of one tensor. Its threads walk the piece in slices, so that neighbours touch neighbours.

#include "optimizer_table.h"

// What dynamic_map.h computes, signed map first; copied here when the module is loaded.
extern "C" {
__device__ float DYNAMIC_CODEWORDS[2 * table::CODEWORDS];
__device__ unsigned DYNAMIC_NEAREST[2 * table::INTERVALS];
}

namespace {

constexpr int SLICES = table::PIECE / table::THREADS;
constexpr int WARP = 32;
constexpr int WARPS = table::THREADS / WARP;

// The parameter that this CUDA block works on: the last one that does not begin after it.
template <typename Entry> __device__ const Entry &entry_of(const table::Table<Entry> &parameters) {
  int piece = static_cast<int>(blockIdx.x);
  int low = 0, high = parameters.count - 1;
  while (low < high) {
    int middle = (low + high + 1) / 2;
    if (parameters.entries[middle].weights.first_piece <= piece) {
      low = middle;
    } else {
      high = middle - 1;
    }
  }
  return parameters.entries[low];
}

// Where this CUDA block's piece begins.
__device__ long long begin_of(const table::Weights &weights) {
  return static_cast<long long>(static_cast<int>(blockIdx.x) - weights.first_piece) * table::PIECE;
}

__device__ float gradient_at(const table::Weights &weights, long long i) {
  return weights.bf16_gradient ? element::widened(static_cast<const unsigned short *>(weights.gradient)[i])
                               : element::widened(static_cast<const float *>(weights.gradient)[i]);
}

__device__ void write(const table::Weights &weights, long long i, float p) {
  weights.master[i] = p;
  if (weights.shadow != nullptr) weights.shadow[i] = static_cast<unsigned short>(element::rounded_to_bf16(p));
}

// The largest of the numbers of a warp's threads, in each of them.
__device__ unsigned largest_in_warp(unsigned value) {
  for (int distance = WARP / 2; distance > 0; distance /= 2) {
    value = element::larger(value, __shfl_xor_sync(0xFFFFFFFFu, value, distance));
  }
  return value;
}

// Magnitudes are compared as integers, which orders them alike and puts NaN above all.
__device__ unsigned magnitude_of(float value) { return element::bits_of(value) & 0x7FFFFFFF; }

// The largest magnitude of each of `COUNT` quantisation blocks, from the largest that each thread has seen: in every thread.
template <int COUNT> __device__ void largest_of_all(unsigned (&most)[COUNT]) {
  __shared__ unsigned of_warp[COUNT * WARPS];
  int thread = static_cast<int>(threadIdx.x);
  __syncthreads(); // those of the other moment have been read
  for (int block = 0; block < COUNT; ++block) {
    unsigned largest = largest_in_warp(most[block]);
    if (thread % WARP == 0) of_warp[block * WARPS + thread / WARP] = largest;
  }
  __syncthreads();
  for (int block = 0; block < COUNT; ++block) {
    for (int warp = 0; warp < WARPS; ++warp) most[block] = element::larger(most[block], of_warp[block * WARPS + warp]);
  }
}

// Stores the scales of the quantisation blocks from `first` on that begin before `blocks`, and gives what to divide by: a block of
// zeros keeps an absmax of 0, and is divided by 1.
template <int COUNT>
__device__ void store_absmax(float *absmax, long long first, long long blocks, unsigned (&most)[COUNT], float (&divisors)[COUNT]) {
  largest_of_all(most);
  for (int block = 0; block < COUNT; ++block) {
    float largest = element::float_of(most[block]);
    if (threadIdx.x == 0 && first + block < blocks) absmax[first + block] = largest;
    divisors[block] = largest == 0 ? 1.0f : largest;
  }
}

// AdamW with 8-bit state in quantisation blocks of BLOCK weights: one or several whole ones in a piece.
template <int BLOCK> __device__ void step_8bit(const table::Table<table::AdamW8bit> &parameters) {
  constexpr int COUNT = table::PIECE / BLOCK;
  constexpr int SLICES_IN_BLOCK = BLOCK / table::THREADS;
  __shared__ float codewords[2 * table::CODEWORDS];
  int thread = static_cast<int>(threadIdx.x);
  for (int i = thread; i < 2 * table::CODEWORDS; i += table::THREADS) codewords[i] = DYNAMIC_CODEWORDS[i];
  __syncthreads();

  const table::AdamW8bit &entry = entry_of(parameters);
  const table::Weights &weights = entry.weights;
  long long begin = begin_of(weights), first = begin / BLOCK, blocks = (weights.count + BLOCK - 1) / BLOCK;
  float clip = *parameters.coefficient;
  float m[SLICES], v[SLICES], divisors[COUNT];
  unsigned most_m[COUNT] = {}, most_v[COUNT] = {};
#pragma unroll
  for (int slice = 0; slice < SLICES; ++slice) {
    long long i = begin + slice * table::THREADS + thread;
    if (i >= weights.count) continue;
    int block = slice / SLICES_IN_BLOCK;
    m[slice] = codewords[entry.exp_avg.codes[i]] * entry.exp_avg.absmax[first + block];
    v[slice] = codewords[table::CODEWORDS + entry.exp_avg_sq.codes[i]] * entry.exp_avg_sq.absmax[first + block];
    float p = weights.master[i];
    element::update(p, m[slice], v[slice], gradient_at(weights, i) * clip, entry.constants);
    write(weights, i, p);
    most_m[block] = element::larger(most_m[block], magnitude_of(m[slice]));
    most_v[block] = element::larger(most_v[block], magnitude_of(v[slice]));
  }
  // The first barrier in here also comes after every thread's last look at the old scales.
  store_absmax(entry.exp_avg.absmax, first, blocks, most_m, divisors);
#pragma unroll
  for (int slice = 0; slice < SLICES; ++slice) {
    long long i = begin + slice * table::THREADS + thread;
    if (i >= weights.count) continue;
    entry.exp_avg.codes[i] =
        static_cast<unsigned char>(element::signed_code(m[slice], divisors[slice / SLICES_IN_BLOCK], DYNAMIC_NEAREST));
  }
  store_absmax(entry.exp_avg_sq.absmax, first, blocks, most_v, divisors);
#pragma unroll
  for (int slice = 0; slice < SLICES; ++slice) {
    long long i = begin + slice * table::THREADS + thread;
    if (i >= weights.count) continue;
    const unsigned *nearest = DYNAMIC_NEAREST + table::INTERVALS;
    entry.exp_avg_sq.codes[i] =
        static_cast<unsigned char>(element::unsigned_code(v[slice], divisors[slice / SLICES_IN_BLOCK], nearest));
  }
}

} // namespace

extern "C" __global__ void __launch_bounds__(table::THREADS)
    adamw(const __grid_constant__ table::Table<table::AdamW> parameters) {
  const table::AdamW &entry = entry_of(parameters);
  const table::Weights &weights = entry.weights;
  float clip = *parameters.coefficient;
  long long begin = begin_of(weights);
#pragma unroll
  for (int slice = 0; slice < SLICES; ++slice) {
    long long i = begin + slice * table::THREADS + static_cast<int>(threadIdx.x);
    if (i >= weights.count) return;
    float p = weights.master[i], m = entry.exp_avg[i], v = entry.exp_avg_sq[i];
    element::update(p, m, v, gradient_at(weights, i) * clip, entry.constants);
    entry.exp_avg[i] = m;
    entry.exp_avg_sq[i] = v;
    write(weights, i, p);
  }
}

extern "C" __global__ void __launch_bounds__(table::THREADS)
    adamw_8bit_256(const __grid_constant__ table::Table<table::AdamW8bit> parameters) {
  step_8bit<256>(parameters);
}

extern "C" __global__ void __launch_bounds__(table::THREADS)
    adamw_8bit_2048(const __grid_constant__ table::Table<table::AdamW8bit> parameters) {
  step_8bit<2048>(parameters);
}
