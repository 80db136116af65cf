// Keccak-256 (the original padding) of 1 MiB.
#include "kernel.h"

#define BYTES (1u << 20)
#define RATE 136

static uint8_t message[BYTES + RATE];

static const uint64_t ROUND[24] = {
    0x0000000000000001, 0x0000000000008082, 0x800000000000808a, 0x8000000080008000, 0x000000000000808b,
    0x0000000080000001, 0x8000000080008081, 0x8000000000008009, 0x000000000000008a, 0x0000000000000088,
    0x0000000080008009, 0x000000008000000a, 0x000000008000808b, 0x800000000000008b, 0x8000000000008089,
    0x8000000000008003, 0x8000000000008002, 0x8000000000000080, 0x000000000000800a, 0x800000008000000a,
    0x8000000080008081, 0x8000000000008080, 0x0000000080000001, 0x8000000080008008,
};
static const uint8_t ROTATION[24] = {1,  3,  6,  10, 15, 21, 28, 36, 45, 55, 2,  14,
                                     27, 41, 56, 8,  25, 43, 62, 18, 39, 61, 20, 44};
static const uint8_t LANE[24] = {10, 7,  11, 17, 18, 3, 5,  16, 8,  21, 24, 4,
                                 15, 23, 19, 13, 12, 2, 20, 14, 22, 9,  6,  1};

static uint64_t rotate(uint64_t x, int n) { return (x << n) | (x >> (64 - n)); }

static void permute(uint64_t s[25]) {
    for (int round = 0; round < 24; round++) {
        uint64_t c[5];
#pragma GCC unroll 5
        for (int x = 0; x < 5; x++) c[x] = s[x] ^ s[x + 5] ^ s[x + 10] ^ s[x + 15] ^ s[x + 20];
#pragma GCC unroll 5
        for (int x = 0; x < 5; x++) {
            uint64_t d = c[(x + 4) % 5] ^ rotate(c[(x + 1) % 5], 1);
#pragma GCC unroll 5
            for (int y = 0; y < 25; y += 5) s[x + y] ^= d;
        }
        uint64_t t = s[1];
#pragma GCC unroll 24
        for (int i = 0; i < 24; i++) {
            uint64_t next = s[LANE[i]];
            s[LANE[i]] = rotate(t, ROTATION[i]);
            t = next;
        }
#pragma GCC unroll 5
        for (int y = 0; y < 25; y += 5) {
            uint64_t a = s[y], b = s[y + 1], e = s[y + 2], f = s[y + 3], g = s[y + 4];
            s[y] = a ^ (~b & e), s[y + 1] = b ^ (~e & f), s[y + 2] = e ^ (~f & g), s[y + 3] = f ^ (~g & a),
            s[y + 4] = g ^ (~a & b);
        }
        s[0] ^= ROUND[round];
    }
}

KERNEL(keccak) {
    uint64_t s[25] = {0};
    size_t end = BYTES / RATE * RATE + RATE;
    for (size_t i = 0; i < BYTES; i++) message[i] = (uint8_t)(i * 131 + (i >> 8));
    message[BYTES] = 0x01;
    message[end - 1] |= 0x80;
    for (size_t at = 0; at < end; at += RATE) {
        for (int i = 0; i < RATE / 8; i++) {
            uint64_t lane = 0;
            for (int b = 7; b >= 0; b--) lane = lane << 8 | message[at + 8 * (size_t)i + (size_t)b];
            s[i] ^= lane;
        }
        permute(s);
    }
    return s[0];
}
