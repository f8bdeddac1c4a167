// Packs: N neighbouring elements of an array, read and written by accesses of 16 bytes, and computed with element by element.
//
// A formula that is written for numbers can be used for packs: an operation of two packs, or of a number and a pack, is the
// operation of every element.
#pragma once
#include "formats.cuh"

template <class T, int N>
struct alignas(N * sizeof(T) < 16 ? N * sizeof(T) : 16) Pack {
    T values[N];
};

template <int N, class T>
__device__ __forceinline__ Pack<T, N> load(const T* at)
{
    return *reinterpret_cast<const Pack<T, N>*>(at);
}

template <int N, class T>
__device__ __forceinline__ void store(T* at, const Pack<T, N>& pack)
{
    *reinterpret_cast<Pack<T, N>*>(at) = pack;
}

template <int N, class From>
__device__ __forceinline__ auto widened(const Pack<From, N>& pack)
{
    Pack<decltype(widen(From())), N> wide;
#pragma unroll
    for (int j = 0; j < N; ++j) wide.values[j] = widen(pack.values[j]);
    return wide;
}

template <class To, int N, class From>
__device__ __forceinline__ Pack<To, N> narrowed(const Pack<From, N>& pack)
{
    Pack<To, N> slim;
#pragma unroll
    for (int j = 0; j < N; ++j) narrow(pack.values[j], slim.values[j]);
    return slim;
}

// The operators, each for two packs and for a number and a pack, in either order.
#define PACK_OPERATOR(SIGN) \
    template <class T, int N> \
    __device__ __forceinline__ Pack<T, N> operator SIGN(const Pack<T, N>& x, const Pack<T, N>& y) \
    { \
        Pack<T, N> z; \
        _Pragma("unroll") for (int j = 0; j < N; ++j) z.values[j] = x.values[j] SIGN y.values[j]; \
        return z; \
    } \
    template <class T, int N> \
    __device__ __forceinline__ Pack<T, N> operator SIGN(T x, const Pack<T, N>& y) \
    { \
        Pack<T, N> z; \
        _Pragma("unroll") for (int j = 0; j < N; ++j) z.values[j] = x SIGN y.values[j]; \
        return z; \
    } \
    template <class T, int N> \
    __device__ __forceinline__ Pack<T, N> operator SIGN(const Pack<T, N>& x, T y) \
    { \
        Pack<T, N> z; \
        _Pragma("unroll") for (int j = 0; j < N; ++j) z.values[j] = x.values[j] SIGN y; \
        return z; \
    }
PACK_OPERATOR(+)
PACK_OPERATOR(-)
PACK_OPERATOR(*)
PACK_OPERATOR(/)
#undef PACK_OPERATOR

template <class T, int N>
__device__ __forceinline__ Pack<T, N> operator-(const Pack<T, N>& x)
{
    Pack<T, N> z;
#pragma unroll
    for (int j = 0; j < N; ++j) z.values[j] = -x.values[j];
    return z;
}

template <class T, int N>
__device__ __forceinline__ Pack<T, N> root(const Pack<T, N>& x)
{
    Pack<T, N> z;
#pragma unroll
    for (int j = 0; j < N; ++j) z.values[j] = root(x.values[j]);
    return z;
}

template <class T>
__device__ __forceinline__ T larger(T x, T y)
{
    return x > y ? x : x != x ? x : y;
}

// The larger of two numbers; NaN, if one is.
template <class T, int N>
__device__ __forceinline__ Pack<T, N> maximum(const Pack<T, N>& x, const Pack<T, N>& y)
{
    Pack<T, N> z;
#pragma unroll
    for (int j = 0; j < N; ++j) z.values[j] = larger(x.values[j], y.values[j]);
    return z;
}
