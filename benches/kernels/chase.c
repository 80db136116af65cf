// Dependent loads and stores at random places of 2 MiB.
#include "kernel.h"

#define COUNT (1u << 18)

static uint64_t cells[COUNT];

KERNEL(chase) {
    uint64_t state = 7, at = 0, sum = 0;
    for (size_t i = 0; i < COUNT; i++) cells[i] = i;
    // A random cycle through all cells (Sattolo's algorithm).
    for (size_t i = COUNT - 1; i > 0; i--) {
        size_t j = next_random(&state) % i;
        uint64_t t = cells[i];
        cells[i] = cells[j];
        cells[j] = t;
    }
    for (int i = 0; i < 1500000; i++) {
        uint64_t next = cells[at] & (COUNT - 1);
        sum += next;
        cells[at] = next | (sum << 18);
        at = next;
    }
    return sum;
}
