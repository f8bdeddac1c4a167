// p - lr g, element by element: four at a time where all arrays are aligned, then the tail.

__device__ __forceinline__ float descended(float p, float g, float lr) { return p - lr * g; }

extern "C" __global__ void descent(
    float* __restrict__ p, const float* __restrict__ g, long long n, float lr, int vectors)
{
    const long long step = (long long)gridDim.x * blockDim.x;
    const long long first = (long long)blockIdx.x * blockDim.x + threadIdx.x;
    const long long fours = vectors ? n / 4 : 0;
    for (long long i = first; i < fours; i += step) {
        float4 P = reinterpret_cast<float4*>(p)[i];
        const float4 G = reinterpret_cast<const float4*>(g)[i];
        P.x = descended(P.x, G.x, lr);
        P.y = descended(P.y, G.y, lr);
        P.z = descended(P.z, G.z, lr);
        P.w = descended(P.w, G.w, lr);
        reinterpret_cast<float4*>(p)[i] = P;
    }
    for (long long i = 4 * fours + first; i < n; i += step)
        p[i] = descended(p[i], g[i], lr);
}
