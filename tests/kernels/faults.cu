// Each kernel has one bug. All take arrays of n floats, and are launched with one block of 64 threads.
#define KERNEL(NAME) extern "C" __global__ void NAME(float* x, const float* y, long long n)

KERNEL(out_of_bounds)
{
    if (threadIdx.x <= n) x[threadIdx.x] = 1.0f;
}

KERNEL(before_the_start)
{
    x[(long long)threadIdx.x - 1] = 1.0f;
}

KERNEL(misaligned)
{
    reinterpret_cast<float4*>(x + 1)[threadIdx.x / 32] = make_float4(1.0f, 2.0f, 3.0f, 4.0f);
}

KERNEL(misaligned_shared)
{
    __shared__ float part[64];
    part[threadIdx.x] = y[threadIdx.x];
    __syncthreads();
    const float4 four = reinterpret_cast<float4*>(part)[threadIdx.x % 16];
    x[threadIdx.x] = four.x + four.y + four.z + four.w;
}

KERNEL(reads_unwritten_shared)
{
    __shared__ float part[64];
    if (threadIdx.x < 63) part[threadIdx.x] = y[threadIdx.x];
    __syncthreads();
    x[threadIdx.x] = part[threadIdx.x];
}

KERNEL(writes_its_input)
{
    const_cast<float*>(y)[threadIdx.x] = x[threadIdx.x];
}

KERNEL(missing_barrier)
{
    __shared__ float part[64];
    part[threadIdx.x] = y[threadIdx.x];
    x[threadIdx.x] = part[63 - threadIdx.x];
}

KERNEL(same_place)
{
    __shared__ float part;
    part = y[threadIdx.x];
    __syncthreads();
    x[threadIdx.x] = part;
}

KERNEL(races_in_global_memory)
{
    x[threadIdx.x / 2] = y[threadIdx.x];
}

KERNEL(barrier_for_some)
{
    __shared__ float part[64];
    part[threadIdx.x] = y[threadIdx.x];
    if (threadIdx.x < 40) __syncthreads();
    x[threadIdx.x] = part[threadIdx.x];
}

KERNEL(ends_before_the_barrier)
{
    __shared__ float part[64];
    if (threadIdx.x == 63) return;
    part[threadIdx.x] = y[threadIdx.x];
    __syncthreads();
    x[threadIdx.x] = part[threadIdx.x ^ 1];
}

KERNEL(lanes_that_do_not_come)
{
    float a = y[threadIdx.x];
    if (threadIdx.x % 32 < 16) a = __shfl_down_sync(0xffffffffu, a, 1);
    else __syncthreads();
    x[threadIdx.x] = a;
}

KERNEL(reads_a_lane_that_has_ended)
{
    if (threadIdx.x == 1) return;
    x[threadIdx.x] = __shfl_xor_sync(0xffffffffu, y[threadIdx.x], 1);
}

// Launched with one array as both.
extern "C" __global__ void writes_a_constant(float* x, const float* __restrict__ y, long long n)
{
    x[threadIdx.x] = y[threadIdx.x] + 1.0f;
}
