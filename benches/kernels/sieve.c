// Sieve of Eratosthenes over one byte per number, 1 MiB; repeated.
#include "kernel.h"

#define LIMIT (1u << 20)

static uint8_t composite[LIMIT];

KERNEL(sieve) {
    uint64_t sum = 0;
    for (int round = 0; round < 6; round++) {
        for (size_t n = 0; n < LIMIT; n++) composite[n] = 0;
        for (size_t p = 2; p * p < LIMIT; p++) {
            if (composite[p]) continue;
            for (size_t multiple = p * p; multiple < LIMIT; multiple += p) composite[multiple] = 1;
        }
        for (size_t n = 2; n < LIMIT; n++) {
            if (!composite[n]) sum += n ^ (size_t)round;
        }
    }
    return sum;
}
