// The sum of a block's numbers: each thread its own, then the lanes of a warp by shuffles, then the warps through shared memory.
// Two threads that meet add in the order of their numbers, so the tree is the same on every machine.

__device__ __forceinline__ double total_of_warp(double x)
{
    for (int distance = 1; distance < 32; distance *= 2) {
        const double other = __shfl_xor_sync(0xffffffffu, x, distance);
        x = threadIdx.x & distance ? other + x : x + other;
    }
    return x;
}

extern "C" __global__ void total(const double* __restrict__ x, double* __restrict__ sums, long long n)
{
    __shared__ double of_warp[32];
    const long long i = (long long)blockIdx.x * blockDim.x + threadIdx.x;
    const int lane = threadIdx.x % 32, warp = threadIdx.x / 32;
    double sum = total_of_warp(i < n ? x[i] : 0.0);
    if (lane == 0) of_warp[warp] = sum;
    __syncthreads();
    if (warp == 0) {
        sum = total_of_warp(lane < blockDim.x / 32 ? of_warp[lane] : 0.0);
        if (lane == 0) sums[blockIdx.x] = sum;
    }
}

// The same by halves in dynamic shared memory.
extern "C" __global__ void total_by_halves(const double* __restrict__ x, double* __restrict__ sums, long long n)
{
    extern __shared__ double part[];
    const long long i = (long long)blockIdx.x * blockDim.x + threadIdx.x;
    part[threadIdx.x] = i < n ? x[i] : 0.0;
    __syncthreads();
    for (int half = blockDim.x / 2; half > 0; half /= 2) {
        if (threadIdx.x < half) part[threadIdx.x] += part[threadIdx.x + half];
        __syncthreads();
    }
    if (threadIdx.x == 0) sums[blockIdx.x] = part[0];
}
