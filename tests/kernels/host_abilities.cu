// Small kernels, one for each thing that the host runtime can do.
#include "formats.cuh"

// y[i] = a x[i], every element by one thread.
extern "C" __global__ void scaled(const float* __restrict__ x, float* __restrict__ y, long long n, float a)
{
    const long long i = (long long)blockIdx.x * blockDim.x + threadIdx.x;
    if (i < n) y[i] = a * x[i];
}

// The same with a barrier, at which every thread waits for the others.
extern "C" __global__ void scaled_together(const float* __restrict__ x, float* __restrict__ y, long long n, float a)
{
    const long long i = (long long)blockIdx.x * blockDim.x + threadIdx.x;
    __syncthreads();
    if (i < n) y[i] = a * x[i];
}

// The sum of each block's 32 k elements: a tree of shuffles, shared memory, one barrier.
extern "C" __global__ void block_sums(const double* x, double* sums)
{
    __shared__ double of_warp[32];
    const int lane = threadIdx.x % 32, warp = threadIdx.x / 32;
    double sum = x[(long long)blockIdx.x * blockDim.x + threadIdx.x];
    for (int d = 16; d > 0; d /= 2) sum += __shfl_down_sync(0xffffffffu, sum, d);
    if (lane == 0) of_warp[warp] = sum;
    __syncthreads();
    if (warp == 0) {
        sum = lane < (int)blockDim.x / 32 ? of_warp[lane] : 0.0;
        for (int d = 16; d > 0; d /= 2) sum += __shfl_xor_sync(0xffffffffu, sum, d);
        if (lane == 0) sums[blockIdx.x] = sum;
    }
}

// The same sum in dynamic shared memory, a barrier for each level.
extern "C" __global__ void block_sums_in_levels(const double* x, double* sums)
{
    extern __shared__ double level[];
    level[threadIdx.x] = x[(long long)blockIdx.x * blockDim.x + threadIdx.x];
    __syncthreads();
    for (int half = blockDim.x / 2; half > 0; half /= 2) {
        if ((int)threadIdx.x < half) level[threadIdx.x] += level[threadIdx.x + half];
        __syncthreads();
    }
    if (threadIdx.x == 0) sums[blockIdx.x] = level[0];
}

// A 4 by 8 tile, transposed through shared memory of two dimensions, by a block of two dimensions.
extern "C" __global__ void transposed(const int* x, int* y)
{
    __shared__ int tile[4][8 + 1];
    tile[threadIdx.y][threadIdx.x] = x[threadIdx.y * 8 + threadIdx.x];
    __syncthreads();
    y[threadIdx.x * 4 + threadIdx.y] = tile[threadIdx.y][threadIdx.x];
}

// Row k of y: what the k-th intrinsic gives each lane for its x.
extern "C" __global__ void warp_intrinsics(const int* x, int* y)
{
    const int lane = threadIdx.x, own = x[lane];
    const unsigned int all = 0xffffffffu;
    y[lane] = __shfl_sync(all, own, 5);
    y[32 + lane] = __shfl_up_sync(all, own, 3);
    y[64 + lane] = __shfl_down_sync(all, own, 3, 8);
    y[96 + lane] = __shfl_xor_sync(all, own, 9, 16);
    y[128 + lane] = (int)__ballot_sync(all, own > 0);
    y[160 + lane] = __any_sync(all, own == x[7]) + 2 * __all_sync(all, own == x[7]);
    __syncwarp();
    if (lane < 16) y[192 + lane] = __shfl_sync(0x0000ffffu, own, lane + 1, 16);
    else y[192 + lane] = __shfl_xor_sync(0xffff0000u, own, 1);
}

// total: the sum; most and least; bits: those set anywhere; last: some value; count: how often a swap succeeded.
extern "C" __global__ void atomics(const int* x, long long* total, int* most, int* least, unsigned int* bits, int* swaps)
{
    const int own = x[blockIdx.x * blockDim.x + threadIdx.x];
    atomicAdd(total, own);
    atomicMax(most, own);
    atomicMin(least, own);
    atomicOr(bits, 1u << (own & 31));
    if (atomicCAS(&swaps[0], 0, 1) == 0) atomicAdd(&swaps[1], 1);
}

// y = x in packs of 16 bytes; w gets alignments and sizes.
extern "C" __global__ void in_packs(const float* x, float* y, int* w)
{
    const float4 pack = reinterpret_cast<const float4*>(x)[threadIdx.x];
    reinterpret_cast<float4*>(y)[threadIdx.x] = make_float4(pack.x, pack.y, pack.z, pack.w);
    if (threadIdx.x == 0) {
        w[0] = alignof(float2), w[1] = alignof(float4), w[2] = alignof(double2), w[3] = alignof(uint2);
        w[4] = alignof(uint4), w[5] = alignof(double4), w[6] = sizeof(float3), w[7] = sizeof(double4);
    }
}

// Where every thread is: block, thread, sizes.
extern "C" __global__ void places(int* y)
{
    const int block = blockIdx.x + gridDim.x * (blockIdx.y + gridDim.y * blockIdx.z);
    const int threads = blockDim.x * blockDim.y * blockDim.z;
    const int thread = threadIdx.x + blockDim.x * (threadIdx.y + blockDim.y * threadIdx.z);
    int* const at = y + 6 * ((long long)block * threads + thread);
    at[0] = blockIdx.x, at[1] = blockIdx.y, at[2] = blockIdx.z;
    at[3] = threadIdx.x, at[4] = threadIdx.y, at[5] = threadIdx.z;
}

// The order in which the threads of a block come by.
extern "C" __global__ void order_of_threads(int* y, int* count)
{
    y[atomicAdd(count, 1)] = blockIdx.x * blockDim.x + threadIdx.x;
}

// float16 and bfloat16 there and back.
extern "C" __global__ void roundings(const float* x, float16* half, bfloat16* brain, float* from_half, float* from_brain, long long n)
{
    for (long long i = threadIdx.x; i < n; i += blockDim.x) {
        narrow(x[i], half[i]);
        narrow(x[i], brain[i]);
        from_half[i] = widen(half[i]);
        from_brain[i] = widen(brain[i]);
    }
}

// Where contraction, or flushing subnormals, would show: x y + z, x / y, √x.
extern "C" __global__ void arithmetic(const float* x, const float* y, const float* z, float* sums, float* quotients, float* roots, long long n)
{
    for (long long i = threadIdx.x; i < n; i += blockDim.x) {
        sums[i] = x[i] * y[i] + z[i];
        quotients[i] = x[i] / y[i];
        roots[i] = root(x[i]);
    }
}

// An argument of every type, one of them an array that may be null.
extern "C" __global__ void arguments(
    long long* y, const float* maybe, long long a, int b, float c, double d, const unsigned char* bytes)
{
    y[0] = a, y[1] = b, y[2] = (long long)(c * 4), y[3] = (long long)(d * 8), y[4] = bytes[1], y[5] = maybe == nullptr;
}

// float64 rounded once to float16.
extern "C" __global__ void rounded_once(const double* x, float16* half, long long n)
{
    for (long long i = threadIdx.x; i < n; i += blockDim.x) narrow(x[i], half[i]);
}
