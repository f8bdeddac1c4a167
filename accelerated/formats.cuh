// The formats of arrays, and how their elements become the numbers that kernels compute with.
//
// float16 and bfloat16 are stored bits only. Every kernel computes in the working format: float64 for float64 arrays, float32
// for all others. NVRTC, nvcc and, through host/runtime.h, g++ and clang++ compile this; no header of CUDA is needed.
#pragma once

struct float16 {
    unsigned short bits;
};

struct bfloat16 {
    unsigned short bits;
};

// widen(x): the number of the working format that x is, without rounding.
__device__ __forceinline__ float widen(float x) { return x; }
__device__ __forceinline__ double widen(double x) { return x; }
__device__ __forceinline__ float widen(bfloat16 x) { return __uint_as_float((unsigned int)x.bits << 16); }

__device__ __forceinline__ float widen(float16 x)
{
#ifdef PROOFGRAD_HOST
    return half_as_float(x.bits);
#else
    float wide;
    asm("cvt.f32.f16 %0, %1;" : "=f"(wide) : "h"(x.bits));
    return wide;
#endif
}

// narrow(x, to): x rounded once, to nearest, ties to even; beyond the largest number an infinity. A NaN stays one.
__device__ __forceinline__ void narrow(float x, float& to) { to = x; }
__device__ __forceinline__ void narrow(double x, double& to) { to = x; }

// Adding just under half a unit of the last place, and one more where the last bit kept is odd, carries as rounding does.
__device__ __forceinline__ void narrow(float x, bfloat16& to)
{
    const unsigned int bits = __float_as_uint(x);
    const unsigned int rounded = (bits + 0x7fffu + (bits >> 16 & 1u)) >> 16;
    const unsigned int quiet_nan = 0x7fc0u;
    to.bits = (unsigned short)((bits & 0x7fffffffu) > 0x7f800000u ? quiet_nan : rounded);
}

__device__ __forceinline__ void narrow(float x, float16& to)
{
#ifdef PROOFGRAD_HOST
    to.bits = float_as_half(x);
#else
    asm("cvt.rn.f16.f32 %0, %1;" : "=h"(to.bits) : "f"(x));
#endif
}

// From float64, rounded once as well.
__device__ __forceinline__ void narrow(double x, float& to) { to = (float)x; }

__device__ __forceinline__ void narrow(double x, float16& to)
{
#ifdef PROOFGRAD_HOST
    to.bits = double_as_half(x);
#else
    asm("cvt.rn.f16.f64 %0, %1;" : "=h"(to.bits) : "d"(x));
#endif
}

// The square root, correctly rounded.
__device__ __forceinline__ float root(float x) { return sqrtf(x); }
__device__ __forceinline__ double root(double x) { return sqrt(x); }
