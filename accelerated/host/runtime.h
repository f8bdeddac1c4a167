// CUDA C++ for g++ and clang++: what a kernel may use, so that the same text runs on the processor.
//
// Every CUDA thread is a fiber, as runtime.cpp runs them; a `__shared__` variable is rewritten by accelerated/host/build.py to a
// call of `proofgrad::shared`. Arithmetic is IEEE 754's because the compiler is told to contract nothing.
#pragma once

#include <math.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define PROOFGRAD_HOST 1

struct uint3 {
    unsigned int x, y, z;
};

struct dim3 {
    unsigned int x, y, z;
};

namespace proofgrad {

// Where the running CUDA thread is. A fiber stays on its thread of the processor, so the address never changes under it.
struct Here {
    uint3 thread, block;
    dim3 threads, blocks;
};
extern thread_local Here here;

// A place in a source.
struct Place {
    const char* file;
    int line;
};

// What a warp does together. `source` is the lane whose value the caller gets; a ballot gets one bit of each lane.
struct Exchange {
    const char* name;
    Place place;
    unsigned int mask;
    uint64_t value;
    int source;
    bool ballot;
};

void barrier(Place place);
uint64_t exchange(const Exchange& exchange);
void* shared_memory(const void* key, size_t size);  // `key` null: the launch's dynamic shared memory
bool next_thread();                                 // whether the caller is to run the kernel once more
unsigned int lane();

// A __shared__ variable: every place in a source, and every instance of a template, has its own closure type and so its own.
template <class T, class Closure>
T& shared(Closure)
{
    static const char key = 0;
    return *static_cast<T*>(shared_memory(&key, sizeof(T)));
}

// The first bytes of x as another type; what is missing is 0.
template <class To, class From>
inline To bits_of(From x)
{
    To to = {};
    memcpy(&to, &x, sizeof(To) < sizeof(From) ? sizeof(To) : sizeof(From));
    return to;
}

template <class T>
T shuffle(const char* name, Place place, unsigned int mask, T x, int source, bool inside)
{
    static_assert(sizeof(T) <= 8, "a shuffle moves at most 8 bytes");
    return bits_of<T>(exchange({name, place, mask, bits_of<uint64_t>(x), inside ? source : int(lane()), false}));
}

// A compare-and-swap in the C++ memory model, so that ThreadSanitizer knows it; as strong as CUDA's atomic between two fences.
template <class T, class Update>
T atomically(T* at, Update update)
{
    static_assert(T(1) / T(2) == T(0), "atomics on floats make results depend on the order of threads");
    T old = __atomic_load_n(at, __ATOMIC_RELAXED);
    while (!__atomic_compare_exchange_n(at, &old, update(old), false, __ATOMIC_ACQ_REL, __ATOMIC_RELAXED)) {
    }
    return old;
}

template <class T>
struct Same {
    using type = T;
};

}  // namespace proofgrad

#define threadIdx (proofgrad::here.thread)
#define blockIdx (proofgrad::here.block)
#define blockDim (proofgrad::here.threads)
#define gridDim (proofgrad::here.blocks)
constexpr int warpSize = 32;

#define __host__
#define __device__
#define __global__ inline __attribute__((always_inline))
#define __forceinline__ inline __attribute__((always_inline))
#define __noinline__ __attribute__((noinline))
#define __launch_bounds__(...)
#define __constant__ static const

// The vector types, with CUDA's alignment: 16 bytes at most. uint3 stands above.
#define PROOFGRAD_VECTORS(T, NAME) \
    struct alignas(2 * sizeof(T)) NAME##2 { T x, y; }; \
    struct alignas(4 * sizeof(T) < 16 ? 4 * sizeof(T) : 16) NAME##4 { T x, y, z, w; }; \
    inline NAME##2 make_##NAME##2(T x, T y) { return {x, y}; } \
    inline NAME##4 make_##NAME##4(T x, T y, T z, T w) { return {x, y, z, w}; }
#define PROOFGRAD_VECTORS_OF_3(T, NAME) \
    struct NAME##3 { T x, y, z; }; \
    inline NAME##3 make_##NAME##3(T x, T y, T z) { return {x, y, z}; }
PROOFGRAD_VECTORS(char, char)
PROOFGRAD_VECTORS(unsigned char, uchar)
PROOFGRAD_VECTORS(short, short)
PROOFGRAD_VECTORS(unsigned short, ushort)
PROOFGRAD_VECTORS(int, int)
PROOFGRAD_VECTORS(unsigned int, uint)
PROOFGRAD_VECTORS(long long, longlong)
PROOFGRAD_VECTORS(unsigned long long, ulonglong)
PROOFGRAD_VECTORS(float, float)
PROOFGRAD_VECTORS(double, double)
PROOFGRAD_VECTORS_OF_3(int, int)
PROOFGRAD_VECTORS_OF_3(long long, longlong)
PROOFGRAD_VECTORS_OF_3(float, float)
PROOFGRAD_VECTORS_OF_3(double, double)
inline uint3 make_uint3(unsigned int x, unsigned int y, unsigned int z) { return {x, y, z}; }
#undef PROOFGRAD_VECTORS
#undef PROOFGRAD_VECTORS_OF_3

// Barriers, shuffles and votes. The default arguments are the place of the call.
#define PROOFGRAD_PLACE const char* file = __builtin_FILE(), int line = __builtin_LINE()

inline void __syncthreads(PROOFGRAD_PLACE) { proofgrad::barrier({file, line}); }

inline void __syncwarp(unsigned int mask = 0xffffffffu, PROOFGRAD_PLACE)
{
    proofgrad::exchange({"__syncwarp", {file, line}, mask, 0, int(proofgrad::lane()), false});
}

template <class T>
T __shfl_sync(unsigned int mask, T x, int source, int width = 32, PROOFGRAD_PLACE)
{
    const int from = (int(proofgrad::lane()) & ~(width - 1)) | (source & (width - 1));
    return proofgrad::shuffle("__shfl_sync", {file, line}, mask, x, from, true);
}

template <class T>
T __shfl_down_sync(unsigned int mask, T x, unsigned int delta, int width = 32, PROOFGRAD_PLACE)
{
    const int lane = proofgrad::lane(), from = lane + int(delta);
    return proofgrad::shuffle("__shfl_down_sync", {file, line}, mask, x, from, (lane & (width - 1)) + int(delta) < width);
}

template <class T>
T __shfl_up_sync(unsigned int mask, T x, unsigned int delta, int width = 32, PROOFGRAD_PLACE)
{
    const int lane = proofgrad::lane(), from = lane - int(delta);
    return proofgrad::shuffle("__shfl_up_sync", {file, line}, mask, x, from, (lane & (width - 1)) - int(delta) >= 0);
}

template <class T>
T __shfl_xor_sync(unsigned int mask, T x, int bits, int width = 32, PROOFGRAD_PLACE)
{
    const int lane = proofgrad::lane(), from = lane ^ bits;
    const bool inside = (from & ~(width - 1)) <= (lane & ~(width - 1));
    return proofgrad::shuffle("__shfl_xor_sync", {file, line}, mask, x, from, inside);
}

inline unsigned int __ballot_sync(unsigned int mask, int predicate, PROOFGRAD_PLACE)
{
    return (unsigned int)proofgrad::exchange({"__ballot_sync", {file, line}, mask, uint64_t(predicate != 0), 0, true});
}
inline int __any_sync(unsigned int mask, int predicate, PROOFGRAD_PLACE)
{
    return __ballot_sync(mask, predicate, file, line) != 0;
}
inline int __all_sync(unsigned int mask, int predicate, PROOFGRAD_PLACE)
{
    return __ballot_sync(mask, predicate, file, line) == mask;
}

inline void __threadfence() { __sync_synchronize(); }
inline void __threadfence_block() { __sync_synchronize(); }

// Atomics, on integers only.
#define PROOFGRAD_ATOMIC(NAME, NEW) \
    template <class T> \
    T NAME(T* at, typename proofgrad::Same<T>::type x) { return proofgrad::atomically(at, [x](T old) { return T(NEW); }); }
PROOFGRAD_ATOMIC(atomicAdd, old + x)
PROOFGRAD_ATOMIC(atomicSub, old - x)
PROOFGRAD_ATOMIC(atomicMax, old < x ? x : old)
PROOFGRAD_ATOMIC(atomicMin, x < old ? x : old)
PROOFGRAD_ATOMIC(atomicAnd, old & x)
PROOFGRAD_ATOMIC(atomicOr, old | x)
PROOFGRAD_ATOMIC(atomicXor, old ^ x)
PROOFGRAD_ATOMIC(atomicExch, x)
#undef PROOFGRAD_ATOMIC

template <class T>
T atomicCAS(T* at, typename proofgrad::Same<T>::type expected, typename proofgrad::Same<T>::type x)
{
    return proofgrad::atomically(at, [=](T old) { return old == expected ? x : old; });
}

// Arithmetic and bits.
template <class T>
inline T __ldg(const T* at) { return *at; }
template <class T>
inline T min(T x, typename proofgrad::Same<T>::type y) { return y < x ? y : x; }
template <class T>
inline T max(T x, typename proofgrad::Same<T>::type y) { return x < y ? y : x; }

inline float __fadd_rn(float x, float y) { return x + y; }
inline float __fsub_rn(float x, float y) { return x - y; }
inline float __fmul_rn(float x, float y) { return x * y; }
inline float __fdiv_rn(float x, float y) { return x / y; }
inline float __fsqrt_rn(float x) { return sqrtf(x); }
inline float __fmaf_rn(float x, float y, float z) { return fmaf(x, y, z); }
inline double __dadd_rn(double x, double y) { return x + y; }
inline double __dsub_rn(double x, double y) { return x - y; }
inline double __dmul_rn(double x, double y) { return x * y; }
inline double __ddiv_rn(double x, double y) { return x / y; }
inline double __dsqrt_rn(double x) { return sqrt(x); }
inline double __fma_rn(double x, double y, double z) { return fma(x, y, z); }
inline float __double2float_rn(double x) { return float(x); }
inline float __double2float_rz(double x)
{
    const float near = float(x);
    return fabs(double(near)) > fabs(x) ? nextafterf(near, 0.0f) : near;
}
inline int __float2int_rn(float x) { return int(rintf(x)); }
inline int __double2int_rn(double x) { return int(rint(x)); }
inline long long __double2ll_rn(double x) { return (long long)rint(x); }

inline int __float_as_int(float x) { return proofgrad::bits_of<int>(x); }
inline unsigned int __float_as_uint(float x) { return proofgrad::bits_of<unsigned int>(x); }
inline float __int_as_float(int x) { return proofgrad::bits_of<float>(x); }
inline float __uint_as_float(unsigned int x) { return proofgrad::bits_of<float>(x); }
inline long long __double_as_longlong(double x) { return proofgrad::bits_of<long long>(x); }
inline double __longlong_as_double(long long x) { return proofgrad::bits_of<double>(x); }
inline int __popc(unsigned int x) { return __builtin_popcount(x); }
inline int __popcll(unsigned long long x) { return __builtin_popcountll(x); }
inline int __clz(int x) { return x ? __builtin_clz((unsigned int)x) : 32; }
inline int __clzll(long long x) { return x ? __builtin_clzll((unsigned long long)x) : 64; }
inline int __ffs(int x) { return __builtin_ffs(x); }

// float16 by integers and exact products, without a branch, so that packs of it are converted together.
inline float half_as_float(unsigned short bits)
{
    const unsigned int magnitude = (bits & 0x7fffu) << 13;  // of 2⁻¹¹² times the number
    const unsigned int finite = __float_as_uint(__uint_as_float(magnitude) * 0x1p112f), infinite = magnitude | 0x7f800000u;
    return __uint_as_float((magnitude < 0x0f800000u ? finite : infinite) | (bits & 0x8000u) << 16);
}

inline unsigned short float_as_half(float x)
{
    const unsigned int bits = __float_as_uint(x), magnitude = bits & 0x7fffffffu;
    const unsigned int half = 0x3f000000u;  // 0.5, whose last place is the least subnormal of float16
    const unsigned int subnormal = __float_as_uint(__uint_as_float(magnitude) + 0.5f) - half;
    const unsigned int normal = (magnitude - (112u << 23) + 0xfffu + (magnitude >> 13 & 1u)) >> 13;
    const unsigned int infinite = magnitude > 0x7f800000u ? 0x7e00u : 0x7c00u;
    const unsigned int finite = magnitude < 0x38800000u ? subnormal : normal;
    return (unsigned short)((magnitude < 0x47800000u ? finite : infinite) | (bits >> 16 & 0x8000u));
}
