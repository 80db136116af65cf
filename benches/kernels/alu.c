// A loop of integer operations on a few registers.
#include "kernel.h"

KERNEL(alu) {
    uint64_t a = 1, b = 2, c = 3, d = 4;
    for (uint64_t i = 0; i < 4000000; i++) {
        a += (b ^ i);
        b = (b << 7) | (b >> 57);
        c ^= a + (d >> 3);
        d = d * 5 + (c & a);
        b -= c | i;
    }
    return a ^ b ^ c ^ d;
}
