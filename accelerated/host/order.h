// The orders in which threads and blocks take their turns.
#pragma once

#include <algorithm>
#include <cstdint>
#include <numeric>
#include <vector>

namespace proofgrad {

// The function of splitmix64, which spreads the bits of a number over all of them.
inline uint64_t scrambled(uint64_t x)
{
    x += 0x9e3779b97f4a7c15u;
    x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9u;
    x = (x ^ (x >> 27)) * 0x94d049bb133111ebu;
    return x ^ (x >> 31);
}

// Number the turns: ascending for order 0, descending for 1, else shuffled by order and salt.
template <class T>
void arrange(std::vector<T>& turns, uint64_t order, uint64_t salt)
{
    std::iota(turns.begin(), turns.end(), T(0));
    if (order == 1) std::reverse(turns.begin(), turns.end());
    if (order > 1)
        for (size_t i = turns.size(); i > 1; --i)
            std::swap(turns[i - 1], turns[scrambled(order ^ scrambled(salt ^ scrambled(i))) % i]);
}

}  // namespace proofgrad
