// Product of two matrices of u64.
#include "kernel.h"

#define SIZE 200

static uint64_t left[SIZE][SIZE], right[SIZE][SIZE], product[SIZE][SIZE];

KERNEL(matmul) {
    uint64_t state = 9, sum = 0;
    for (int i = 0; i < SIZE; i++) {
        for (int j = 0; j < SIZE; j++) {
            left[i][j] = next_random(&state);
            right[i][j] = next_random(&state);
        }
    }
    for (int i = 0; i < SIZE; i++) {
        for (int j = 0; j < SIZE; j++) {
            uint64_t cell = 0;
            for (int k = 0; k < SIZE; k++) cell += left[i][k] * right[k][j];
            product[i][j] = cell;
        }
    }
    for (int i = 0; i < SIZE; i++) {
        for (int j = 0; j < SIZE; j++) sum = sum * 3 + product[i][j];
    }
    return sum;
}
