// What clipping makes of an element, as `shrink` of reference/clipping.py: smaller by a factor, rounded toward zero.
#pragma once
#include "packs.cuh"

// What is known of a list of gradients, in float64, in the order in which accelerated/clipping.py reads it. It stays where the
// gradients are, so that what follows can begin before the processor knows it.
struct Decision {
    double peak;        // the largest magnitude
    double unit;        // the power of two at most that
    double value;       // the power sum of all elements divided by unit
    double exact;       // whether value is that without error
    double norm;        // NaN where an element is not finite
    double kept;        // whether the gradients stay as they are: the norm is within the bound, or not finite
    double factor;      // what takes the elements divided by unit to the bound divided by limit_unit
    double limit_unit;  // the power of two at most the bound
};

// The neighbour of x toward zero, for x that is not zero: the bits of floats are in the order of their magnitudes.
__device__ __forceinline__ double smaller(double x) { return __longlong_as_double(__double_as_longlong(x) - 1); }
__device__ __forceinline__ float smaller(float x) { return __uint_as_float(__float_as_uint(x) - 1u); }
__device__ __forceinline__ float16 smaller(float16 x) { return {(unsigned short)(x.bits - 1)}; }

// x · unit rounded toward zero: rounded to nearest, then taken back where that went away from zero.
template <class T>
__device__ __forceinline__ T scaled_toward_zero(double x, double unit)
{
    T rounded;
    narrow(x * unit, rounded);
    const double restored = (double)widen(rounded) / unit;
    return fabs(restored) > fabs(x) ? smaller(rounded) : rounded;
}

template <class T>
__device__ __forceinline__ T shrunk(T grad, const Decision& clip)
{
    const double scaled = ((double)widen(grad) / clip.unit) * clip.factor;
    const T result = scaled_toward_zero<T>(scaled, clip.limit_unit);
    return fabs(widen(result)) > fabs(widen(grad)) ? grad : result;
}

// Gradients as a step consumes them: shrunk, unless they are kept.
template <class T, int N>
__device__ __forceinline__ Pack<T, N> clipped(Pack<T, N> grad, const Decision& clip)
{
    if (clip.kept != 0.0) return grad;
#pragma unroll
    for (int j = 0; j < N; ++j) grad.values[j] = shrunk(grad.values[j], clip);
    return grad;
}
