// The order-independent sum, as reference/reductions.py: its pieces are so coarse that adding them rounds nothing, so threads
// and blocks may add in any order.
#pragma once
#include "packs.cuh"

constexpr int MOST_FOLDS = 8;
constexpr int MOST_THREADS = 256;  // of a block that reduces

// 2**floor(log2 x), for finite x > 0: the leading bit alone.
__device__ __forceinline__ double power_of_two_at_most(double x)
{
    const unsigned long long bits = __double_as_longlong(x), exponent = bits & 0x7ff0000000000000ull;
    const unsigned long long leading = 1ull << (63 - __clzll(bits | 1ull));  // of a subnormal number
    return __longlong_as_double(exponent ? exponent : leading);
}

// The pieces of a term on the grids that the anchors make, each with the sum of the pieces before it.
struct Totals {
    double folds[MOST_FOLDS];
    int nothing_dropped;

    // high = (x + M) - M;  low = x - high;  M = 1.5 · 2**exponent
    __device__ __forceinline__ void add(double rest, const double* anchors, int count)
    {
#pragma unroll
        for (int k = 0; k < MOST_FOLDS; ++k) {
            if (k >= count) break;
            const double high = (rest + anchors[k]) - anchors[k];
            rest = rest - high;
            folds[k] = folds[k] + high;
        }
        nothing_dropped &= rest == 0.0;
    }
};

__device__ __forceinline__ Totals combined(Totals x, const Totals& y)
{
#pragma unroll
    for (int k = 0; k < MOST_FOLDS; ++k) x.folds[k] = x.folds[k] + y.folds[k];
    x.nothing_dropped &= y.nothing_dropped;
    return x;
}

__device__ __forceinline__ double combined(double x, double y) { return larger(x, y); }

// What all threads of a block have, combined, in shared memory; once in a kernel for each type.
template <class Value>
__device__ __forceinline__ const Value& over_block(const Value& own)
{
    __shared__ Value parts[MOST_THREADS];
    const int me = threadIdx.x;
    parts[me] = own;
    __syncthreads();
    for (int width = blockDim.x; width > 1;) {
        const int half = (width + 1) / 2;
        if (me + half < width) parts[me] = combined(parts[me], parts[me + half]);
        width = half;
        __syncthreads();
    }
    return parts[0];
}

// A sum and whether it made no rounding error.
struct Sum {
    double value;
    bool exact;
};

__device__ __forceinline__ Sum add(double a, double b)
{
    const double value = a + b;
    return {value, value - a == b && value - b == a};
}
