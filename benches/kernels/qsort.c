// Quicksort (Hoare's partition, median of three, insertion sort below 16) of 100,000 random u32.
#include "kernel.h"

#define COUNT 100000

static uint32_t values[COUNT];

static void swap(uint32_t *a, uint32_t *b) {
    uint32_t t = *a;
    *a = *b;
    *b = t;
}

static void insertion_sort(uint32_t *v, ptrdiff_t n) {
    for (ptrdiff_t i = 1; i < n; i++) {
        uint32_t x = v[i];
        ptrdiff_t j = i;
        for (; j > 0 && v[j - 1] > x; j--) v[j] = v[j - 1];
        v[j] = x;
    }
}

static void sort(uint32_t *v, ptrdiff_t n) {
    while (n > 16) {
        uint32_t *middle = v + n / 2, *last = v + n - 1;
        if (*middle < *v) swap(middle, v);
        if (*last < *v) swap(last, v);
        if (*last < *middle) swap(last, middle);
        uint32_t pivot = *middle;
        ptrdiff_t i = 0, j = n - 1;
        for (;;) {
            while (v[i] < pivot) i++;
            while (v[j] > pivot) j--;
            if (i >= j) break;
            swap(v + i++, v + j--);
        }
        ptrdiff_t left = j + 1;
        if (left < n - left) {
            sort(v, left);
            v += left, n -= left;
        } else {
            sort(v + left, n - left);
            n = left;
        }
    }
    insertion_sort(v, n);
}

KERNEL(qsort) {
    uint64_t state = 42, sum = 0;
    for (int i = 0; i < COUNT; i++) values[i] = (uint32_t)(next_random(&state) >> 32);
    sort(values, COUNT);
    for (int i = 0; i < COUNT; i++) sum = sum * 31 + values[i] + (i > 0 && values[i - 1] > values[i]);
    return sum;
}
