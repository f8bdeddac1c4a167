// From float32 to the 16-bit formats and back: bfloat16 by arithmetic on integers, float16 by the processor.

__device__ __forceinline__ unsigned short as_bfloat16(float x)
{
    const unsigned int bits = __float_as_uint(x);
    const unsigned int rounded = (bits + 0x7fffu + (bits >> 16 & 1u)) >> 16;
    return (unsigned short)((bits & 0x7fffffffu) > 0x7f800000u ? 0x7fc0u : rounded);
}

extern "C" __global__ void to_bfloat16(const float* x, unsigned short* y, int n)
{
    if (threadIdx.x < n) y[threadIdx.x] = as_bfloat16(x[threadIdx.x]);
}

extern "C" __global__ void branching_to_bfloat16(const float* x, unsigned short* y, int n)
{
    if (threadIdx.x >= n) return;
    unsigned short result = 0x7fc0;
    if (x[threadIdx.x] == x[threadIdx.x]) {
        const unsigned int bits = __float_as_uint(x[threadIdx.x]);
        result = (unsigned short)((bits + 0x7fffu + (bits >> 16 & 1u)) >> 16);
    }
    y[threadIdx.x] = result;
}

extern "C" __global__ void tripled_bfloat16(const unsigned short* x, float* y, int n)
{
    if (threadIdx.x < n) y[threadIdx.x] = 3.0f * __uint_as_float((unsigned int)x[threadIdx.x] << 16);
}

extern "C" __global__ void through_float16(const float* x, float* y, int n)
{
    if (threadIdx.x >= n) return;
    unsigned short bits;
    asm("cvt.rn.f16.f32 %0, %1;" : "=h"(bits) : "f"(x[threadIdx.x]));
    asm("cvt.f32.f16 %0, %1;" : "=f"(y[threadIdx.x]) : "h"(bits));
}
