// Stochastic gradient descent: reference/sgd.py, in its order of operations, one launch for many parameters.
#include "packs.cuh"
#include "chunks.cuh"

// What all elements of a launch share. T is the working format; numbers are rounded to it before they come here.
template <class T>
struct SGDSettings {
    T minus_lr, momentum, fresh, weight_decay;  // fresh is 1 - dampening
    int decayed, nesterov, maximize;      // decayed: λ was not 0 before it was rounded
};

// A row of the table of parameters. Image is the format of float16 and bfloat16 parameters, of which theta is the master copy.
// buffer is null at the first step with momentum, buffer_after without momentum.
template <class Image, class Grad, class T>
struct SGDArrays {
    long long size, aligned;
    const T* theta;
    const Grad* grad;
    const T* buffer;
    T* theta_after;
    T* buffer_after;
    Image* image_after;
};

// g' = ±g + λ θ;  b' = μ b + (1 - τ) g', at first g';  u = b', or g' + μ b';  θ' = θ + (-lr) u
template <class X, class T>
__device__ __forceinline__ void sgd_element(
    X& theta, const X& grad, X& buffer, bool momentum, bool first, const SGDSettings<T>& s)
{
    X u = s.maximize ? -grad : grad;
    if (s.decayed) u = u + s.weight_decay * theta;
    if (momentum) {
        buffer = first ? u : s.momentum * buffer + s.fresh * u;
        u = s.nesterov ? u + s.momentum * buffer : buffer;
    }
    theta = theta + s.minus_lr * u;
}

template <class Image, class Grad, class T>
struct SGDStep {
    SGDArrays<Image, Grad, T> arrays;
    SGDSettings<T> settings;

    template <int N>
    __device__ __forceinline__ void at(long long i) const
    {
        const bool momentum = arrays.buffer_after != nullptr, first = arrays.buffer == nullptr;
        Pack<T, N> theta = load<N>(arrays.theta + i), buffer = {};
        const Pack<T, N> grad = widened(load<N>(arrays.grad + i));
        if (momentum && !first) buffer = load<N>(arrays.buffer + i);
        sgd_element(theta, grad, buffer, momentum, first, settings);
        store(arrays.theta_after + i, theta);
        if (momentum) store(arrays.buffer_after + i, buffer);
        if (sizeof(Image) < sizeof(T)) store(arrays.image_after + i, narrowed<Image>(theta));
    }
};

#define SGD(NAME, IMAGE, GRAD, T) \
    extern "C" __global__ void sgd_##NAME(const int* block_array, const long long* block_start, const long long* table, \
        T minus_lr, T momentum, T fresh, T weight_decay, int decayed, int nesterov, int maximize) \
    { \
        const auto arrays = reinterpret_cast<const SGDArrays<IMAGE, GRAD, T>*>(table)[block_array[blockIdx.x]]; \
        const SGDStep<IMAGE, GRAD, T> step = {arrays, {minus_lr, momentum, fresh, weight_decay, decayed, nesterov, maximize}}; \
        each_element<16 / sizeof(IMAGE)>(block_start[blockIdx.x], arrays.size, arrays.aligned, step); \
    }

// Named by the parameter's format, and by that of the gradient where it is another.
SGD(float32, float, float, float)
SGD(float64, double, double, double)
SGD(float16, float16, float16, float)
SGD(bfloat16, bfloat16, bfloat16, float)
SGD(float16_float32, float16, float, float)
SGD(bfloat16_float32, bfloat16, float, float)
