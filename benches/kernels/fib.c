// Fibonacci numbers by recursion: calls and returns.
#include "kernel.h"

__attribute__((noinline)) static uint64_t fibonacci(uint64_t n) {
    if (n < 2) return n;
    // Not a tail call in disguise: both calls are made.
    uint64_t left = fibonacci(n - 1);
    __asm__ volatile("" : "+r"(left));
    uint64_t right = fibonacci(n - 2);
    __asm__ volatile("" : "+r"(right));
    return left + right;
}

KERNEL(fib) { return fibonacci(30); }
