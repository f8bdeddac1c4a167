// Adam, AdamW and Adam in the form with ε̂: reference/adam.py, in its order of operations, one launch for many parameters.
#include "packs.cuh"
#include "chunks.cuh"

// What all elements of a launch share. T is the working format; numbers are rounded to it before they come here.
template <class T>
struct AdamSettings {
    T beta1, fresh1, beta2, fresh2, eps;  // fresh1 is 1 - β₁, fresh2 is 1 - β₂
    T weight_decay;                       // λ, if coupled: it is part of the gradient
    T shrink;                             // 1 - lr λ, if decoupled: it multiplies the parameter
    int coupled, decoupled, amsgrad, maximize;
};

// A row of the table of parameters. Image is the format of float16 and bfloat16 parameters, of which theta is the master copy.
template <class Image, class Grad, class T>
struct AdamArrays {
    long long size, aligned;
    const T* theta;
    const Grad* grad;
    const T* exp_avg;
    const T* exp_avg_sq;
    const T* max_exp_avg_sq;  // null without AMSGrad, as max_exp_avg_sq_after
    T* theta_after;
    T* exp_avg_after;
    T* exp_avg_sq_after;
    T* max_exp_avg_sq_after;
    Image* image_after;
};

// What all elements of one parameter share: they depend on its count of steps.
template <class T>
struct AdamRates {
    T step_size, root;
};

// m' = β₁ m + (1 - β₁) g;  v' = β₂ v + ((1 - β₂) g) g;  θ' = θ - step_size (m' / (√v' / root + ε)), AMSGrad with max(v_max, v')
template <class X, class T>
__device__ __forceinline__ void adam_element(
    X& theta, const X& grad, X& m, X& v, X& largest, const AdamRates<T>& rates, const AdamSettings<T>& s)
{
    X g = s.maximize ? -grad : grad;
    if (s.coupled) g = g + s.weight_decay * theta;
    if (s.decoupled) theta = theta * s.shrink;
    m = s.beta1 * m + s.fresh1 * g;
    v = s.beta2 * v + (s.fresh2 * g) * g;
    X second = v;
    if (s.amsgrad) second = largest = maximum(largest, v);
    const X divisor = root(second) / rates.root + s.eps;
    theta = theta - rates.step_size * (m / divisor);
}

template <class Image, class Grad, class T>
struct AdamStep {
    AdamArrays<Image, Grad, T> arrays;
    AdamRates<T> rates;
    AdamSettings<T> settings;

    template <int N>
    __device__ __forceinline__ void at(long long i) const
    {
        Pack<T, N> theta = load<N>(arrays.theta + i), m = load<N>(arrays.exp_avg + i), v = load<N>(arrays.exp_avg_sq + i);
        const Pack<T, N> grad = widened(load<N>(arrays.grad + i));
        Pack<T, N> largest = {};
        if (settings.amsgrad) largest = load<N>(arrays.max_exp_avg_sq + i);
        adam_element(theta, grad, m, v, largest, rates, settings);
        store(arrays.theta_after + i, theta);
        store(arrays.exp_avg_after + i, m);
        store(arrays.exp_avg_sq_after + i, v);
        if (settings.amsgrad) store(arrays.max_exp_avg_sq_after + i, largest);
        if (sizeof(Image) < sizeof(T)) store(arrays.image_after + i, narrowed<Image>(theta));
    }
};

#define ADAM(NAME, IMAGE, GRAD, T) \
    extern "C" __global__ void adam_##NAME(const int* block_array, const long long* block_start, const long long* table, \
        const T* rates, T beta1, T fresh1, T beta2, T fresh2, T eps, T weight_decay, T shrink, int coupled, \
        int decoupled, int amsgrad, int maximize) \
    { \
        const int k = block_array[blockIdx.x]; \
        const auto arrays = reinterpret_cast<const AdamArrays<IMAGE, GRAD, T>*>(table)[k]; \
        const AdamStep<IMAGE, GRAD, T> step = {arrays, {rates[2 * k], rates[2 * k + 1]}, \
            {beta1, fresh1, beta2, fresh2, eps, weight_decay, shrink, coupled, decoupled, amsgrad, maximize}}; \
        each_element<16 / sizeof(IMAGE)>(block_start[blockIdx.x], arrays.size, arrays.aligned, step); \
    }

// Named by the parameter's format, and by that of the gradient where it is another.
ADAM(float32, float, float, float)
ADAM(float64, double, double, double)
ADAM(float16, float16, float16, float)
ADAM(bfloat16, bfloat16, bfloat16, float)
ADAM(float16_float32, float16, float, float)
ADAM(bfloat16_float32, bfloat16, float, float)
