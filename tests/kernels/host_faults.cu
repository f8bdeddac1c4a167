// Kernels with a fault each, and beside them what is right, for the checks that have to find them.

// Reads its neighbour's element without waiting for it.
extern "C" __global__ void missing_barrier(const float* x, float* y)
{
    __shared__ float kept[64];
    kept[threadIdx.x] = x[threadIdx.x];
    y[threadIdx.x] = kept[(threadIdx.x + 1) % blockDim.x];
}

extern "C" __global__ void with_barrier(const float* x, float* y)
{
    __shared__ float kept[64];
    kept[threadIdx.x] = x[threadIdx.x];
    __syncthreads();
    y[threadIdx.x] = kept[(threadIdx.x + 1) % blockDim.x];
}

// Thread 3 leaves before the barrier.
extern "C" __global__ void barrier_after_return(const float* x, float* y)
{
    if (threadIdx.x == 3) return;
    __syncthreads();
    y[threadIdx.x] = x[threadIdx.x];
}

// Even and odd threads wait at barriers of their own.
extern "C" __global__ void two_barriers(const float* x, float* y)
{
    if (threadIdx.x % 2) {
        __syncthreads();
    } else {
        __syncthreads();
    }
    y[threadIdx.x] = x[threadIdx.x];
}

// Thread (1, 2, 0) of the second block waits for the rest, which does not come.
extern "C" __global__ void lonely_thread(const float* x, float* y)
{
    if (blockIdx.x == 1 && threadIdx.x == 1 && threadIdx.y == 2) __syncthreads();
    y[threadIdx.x] = x[threadIdx.x];
}

// The mask names lane 9, which goes another way.
extern "C" __global__ void absent_lane(const float* x, float* y)
{
    float sum = x[threadIdx.x];
    if (threadIdx.x != 9) sum += __shfl_down_sync(0xffffffffu, sum, 1);
    y[threadIdx.x] = sum;
}

// Lane 2 is not in the mask that it gives.
extern "C" __global__ void not_in_mask(const float* x, float* y)
{
    y[threadIdx.x] = __shfl_sync(0xfffffffbu, x[threadIdx.x], threadIdx.x);
}

// Lane 5 asks for lane 20, which is not in the mask.
extern "C" __global__ void source_not_in_mask(const float* x, float* y)
{
    if (threadIdx.x < 16) y[threadIdx.x] = __shfl_sync(0x0000ffffu, x[threadIdx.x], threadIdx.x == 5 ? 20 : 0);
}

// The mask names 32 lanes, the last warp has fewer.
extern "C" __global__ void lanes_that_are_not_there(const float* x, float* y)
{
    y[threadIdx.x] = __shfl_down_sync(0xffffffffu, x[threadIdx.x], 1);
}

// Half of a warp is at a barrier, the other half in a shuffle.
extern "C" __global__ void barrier_against_shuffle(const float* x, float* y)
{
    if (threadIdx.x < 16) __syncthreads();
    else y[threadIdx.x] = __shfl_xor_sync(0xffffffffu, x[threadIdx.x], 1);
}

// One element too many.
extern "C" __global__ void off_by_one(const float* x, float* y, long long n)
{
    const long long i = threadIdx.x;
    if (i <= n) y[i] = x[i];
}

extern "C" __global__ void off_by_one_in_shared(const float* x, float* y)
{
    __shared__ float kept[32];
    kept[threadIdx.x + 1] = x[threadIdx.x];
    __syncthreads();
    y[threadIdx.x] = kept[threadIdx.x];
}

// Element 7 of the shared memory was never written.
extern "C" __global__ void uninitialised(const float* x, float* y)
{
    __shared__ float kept[32];
    if (threadIdx.x != 7) kept[threadIdx.x] = x[threadIdx.x];
    __syncthreads();
    y[threadIdx.x] = kept[threadIdx.x];
}

// Packs from the second element on: not at a multiple of 16 bytes.
extern "C" __global__ void misaligned(const float* x, float* y)
{
    reinterpret_cast<float4*>(y)[threadIdx.x] = *reinterpret_cast<const float4*>(x + 1 + 4 * threadIdx.x);
}

// An index of 32 bits: with blocks of 2³⁰ elements, those of the third begin beyond what an int holds.
extern "C" __global__ void index_of_32_bits(const float* x, float* y, int block_size)
{
    const int i = (int)blockIdx.x * block_size + (int)threadIdx.x;
    if (i >= 0 && i < 32) y[i] = x[i];
}

// All blocks write the same element.
extern "C" __global__ void blocks_that_race(const float* x, float* y)
{
    if (threadIdx.x == 0) y[0] = x[blockIdx.x];
}
