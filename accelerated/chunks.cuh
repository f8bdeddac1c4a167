// How one launch works on many arrays: they are cut into chunks, and every block has one chunk of one array.
//
// accelerated/launch.py makes the tables: for every block the number of its array and the first element of its chunk; for
// every array a row of 64-bit words, which begins with the number of its elements and with whether all its addresses are
// multiples of 16.
#pragma once

constexpr int CHUNK = 4096;  // elements; the same number stands in accelerated/launch.py

// Calls step.template at<N>(i) for every N elements from i on that this thread has of its block's chunk: in packs of N = WIDTH
// where the array is aligned, and one by one for the rest.
template <int WIDTH, class Step>
__device__ __forceinline__ void each_element(long long start, long long size, bool aligned, const Step& step)
{
    const long long end = start + CHUNK < size ? start + CHUNK : size, stride = blockDim.x;
    long long rest = start;
    if (aligned) {
        rest = end - (end - start) % WIDTH;
        for (long long i = start + (long long)threadIdx.x * WIDTH; i < rest; i += stride * WIDTH) step.template at<WIDTH>(i);
    }
    for (long long i = rest + threadIdx.x; i < end; i += stride) step.template at<1>(i);
}
