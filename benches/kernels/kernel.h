// What every kernel includes. A kernel is one function without input that returns a checksum; it needs no library.
//
//     uint64_t kernel_<name>(void)
//
// Native programs link it under that name. As RISC-V it is a program that writes the eight bytes of the checksum, little
// endian, to file descriptor 1 and exits with code 0. As WebAssembly it is the export `kernel`, of type () -> i64. For
// PolkaVM, polkavm.S exports the function.

#pragma once
#include <stddef.h>
#include <stdint.h>

#if defined(__wasm__)
#define KERNEL(name) __attribute__((export_name("kernel"))) uint64_t kernel_##name(void)
#elif defined(__riscv) && !defined(POLKAVM)
#define KERNEL(name)                                      \
    uint64_t kernel_##name(void);                         \
    void start_kernel(void) { finish(kernel_##name()); } \
    uint64_t kernel_##name(void)

static inline long host_call(long number, long a, const void *b, long c) {
    register long a0 __asm__("a0") = a;
    register const void *a1 __asm__("a1") = b;
    register long a2 __asm__("a2") = c;
    register long a7 __asm__("a7") = number;
    __asm__ volatile("ecall" : "+r"(a0) : "r"(a1), "r"(a2), "r"(a7) : "memory");
    return a0;
}

static inline void finish(uint64_t checksum) {
    host_call(64, 1, &checksum, sizeof checksum);
    host_call(93, 0, 0, 0);
}
#else
#define KERNEL(name) uint64_t kernel_##name(void)
#endif

// The next of a row of random numbers (xorshift64*, Vigna 2016).
static inline uint64_t next_random(uint64_t *state) {
    uint64_t x = *state;
    x ^= x >> 12;
    x ^= x << 25;
    x ^= x >> 27;
    *state = x;
    return x * 0x2545f4914f6cdd1dull;
}
