// Gradient clipping: reference/clipping.py, in its order of operations, for a list of gradients of one format.
//
// Four launches: the largest magnitude of every block, and of all; the folds of every block, and the decision; a fifth scales.
// What one launch finds out, the next reads from memory of the GPU.
#include "chunks.cuh"
#include "packs.cuh"
#include "reductions.cuh"
#include "shrinking.cuh"

constexpr double WITHIN_MARGIN = 0x1p-49, SHRINK_MARGIN = 0x1p-47, FAR_ABOVE = 0x1p-64;

// Rows of the table of gradients: of those that are read, and of those that are changed.
template <class T>
struct Read {
    long long size, aligned;
    const T* grad;
};

template <class T>
struct Changed {
    long long size, aligned;
    const T* grad;
    T* out;
};

template <class T>
struct Peak {
    const T* grad;
    double* peak;

    template <int N>
    __device__ __forceinline__ void at(long long i) const
    {
        const auto x = widened(load<N>(grad + i));
#pragma unroll
        for (int j = 0; j < N; ++j) *peak = larger(*peak, (double)fabs(x.values[j]));
    }
};

// p-norms: the term of an element, and whether it lost nothing. Only float64 has something to lose in float64.
template <class T>
struct Folded {
    const T* grad;
    const double* anchors;
    int folds, square;
    double unit;
    Totals* totals;

    template <int N>
    __device__ __forceinline__ void at(long long i) const
    {
        const auto x = widened(load<N>(grad + i));
#pragma unroll
        for (int j = 0; j < N; ++j) {
            const double scaled = (double)x.values[j] / unit;
            totals->add(square ? scaled * scaled : fabs(scaled), anchors, folds);
            if (sizeof(T) == 8) {
                totals->nothing_dropped &= scaled * unit == x.values[j];
                if (square) totals->nothing_dropped &= (double)(float)scaled == scaled;
            }
        }
    }
};

template <class T>
struct Shrunk {
    const T* grad;
    T* out;
    Decision clip;

    template <int N>
    __device__ __forceinline__ void at(long long i) const
    {
        store(out + i, clipped(load<N>(grad + i), clip));
    }
};

template <class T>
struct Cut {
    const T* grad;
    T* out;
    double limit;  // a number of the format T

    template <int N>
    __device__ __forceinline__ void at(long long i) const
    {
        Pack<T, N> x = load<N>(grad + i);
#pragma unroll
        for (int j = 0; j < N; ++j) {
            const auto wide = widen(x.values[j]);
            if (fabs(wide) > (decltype(wide))limit) narrow(copysign((decltype(wide))limit, wide), x.values[j]);
        }
        store(out + i, x);
    }
};

#define CLIPPING(NAME, T) \
    extern "C" __global__ void peaks_##NAME( \
        const int* block_array, const long long* block_start, const long long* table, double* peaks) \
    { \
        const auto row = reinterpret_cast<const Read<T>*>(table)[block_array[blockIdx.x]]; \
        double peak = 0.0; \
        each_element<16 / sizeof(T)>(block_start[blockIdx.x], row.size, row.aligned, Peak<T>{row.grad, &peak}); \
        peak = over_block(peak); \
        if (threadIdx.x == 0) peaks[blockIdx.x] = peak; \
    } \
    extern "C" __global__ void folds_##NAME(const int* block_array, const long long* block_start, const long long* table, \
        const double* decision, const double* anchors, int folds, int square, double* totals) \
    { \
        const auto row = reinterpret_cast<const Read<T>*>(table)[block_array[blockIdx.x]]; \
        Totals own = {{}, 1}; \
        const double unit = reinterpret_cast<const Decision*>(decision)->unit; \
        each_element<16 / sizeof(T)>( \
            block_start[blockIdx.x], row.size, row.aligned, Folded<T>{row.grad, anchors, folds, square, unit, &own}); \
        const Totals& all = over_block(own); \
        if (threadIdx.x == 0) reinterpret_cast<Totals*>(totals)[blockIdx.x] = all; \
    } \
    extern "C" __global__ void shrink_##NAME( \
        const int* block_array, const long long* block_start, const long long* table, const double* decision) \
    { \
        const auto row = reinterpret_cast<const Changed<T>*>(table)[block_array[blockIdx.x]]; \
        const Decision clip = *reinterpret_cast<const Decision*>(decision); \
        if (row.grad == row.out && clip.kept != 0.0) return; \
        each_element<16 / sizeof(T)>(block_start[blockIdx.x], row.size, row.aligned, Shrunk<T>{row.grad, row.out, clip}); \
    } \
    extern "C" __global__ void cut_##NAME( \
        const int* block_array, const long long* block_start, const long long* table, double limit) \
    { \
        const auto row = reinterpret_cast<const Changed<T>*>(table)[block_array[blockIdx.x]]; \
        each_element<16 / sizeof(T)>(block_start[blockIdx.x], row.size, row.aligned, Cut<T>{row.grad, row.out, limit}); \
    }

CLIPPING(float16, float16)
CLIPPING(float32, float)
CLIPPING(float64, double)

// One block: the largest magnitude of all, and the power of two at most that; 1 where all elements are 0.
extern "C" __global__ void largest_magnitude(const double* peaks, long long count, double* decision)
{
    double peak = 0.0;
    for (long long i = threadIdx.x; i < count; i += blockDim.x) peak = larger(peak, peaks[i]);
    peak = over_block(peak);
    if (threadIdx.x != 0) return;
    const auto found = reinterpret_cast<Decision*>(decision);
    found->peak = peak;
    found->unit = power_of_two_at_most(peak > 0.0 ? peak : 1.0);
}

// Whether total <= ratio**p: compared exactly where both sides are, else with a margin.
__device__ __forceinline__ bool fits(double total, bool exact, double ratio, bool square)
{
    const double shortened = square ? (double)(float)ratio : ratio;
    if (exact && shortened == ratio) return total <= (square ? shortened * shortened : shortened);
    return total * (1 + WITHIN_MARGIN) <= (square ? ratio * ratio : ratio);
}

// One block: the sum, whether it is within the bound, and what takes it there. Of the infinity norm, folds is 0.
extern "C" __global__ void decide(
    const double* totals, long long count, int folds, int square, double max_norm, double* decision)
{
    Totals own = {{}, 1};
    for (long long i = threadIdx.x; i < count; i += blockDim.x) own = combined(own, reinterpret_cast<const Totals*>(totals)[i]);
    const Totals& all = over_block(own);
    if (threadIdx.x != 0) return;
    const auto found = reinterpret_cast<Decision*>(decision);
    const double unit = found->unit;
    Sum sum = {folds ? all.folds[folds - 1] : found->peak / unit, all.nothing_dropped != 0};
    for (int k = folds - 2; k >= 0; --k) {
        const Sum more = add(all.folds[k], sum.value);
        sum = {more.value, sum.exact && more.exact};
    }
    const double root_of_sum = square ? root(sum.value) : sum.value;
    const bool finite = found->peak - found->peak == 0.0;
    const bool within = max_norm * FAR_ABOVE >= unit || fits(sum.value, sum.exact, max_norm / unit, square);
    const double limit_unit = power_of_two_at_most(max_norm);
    found->value = sum.value;
    found->exact = sum.exact;
    found->norm = finite ? root_of_sum * unit : found->peak - found->peak;
    found->kept = within || !finite;
    found->factor = ((max_norm / limit_unit) / root_of_sum) * (1 - SHRINK_MARGIN);
    found->limit_unit = limit_unit;
}
