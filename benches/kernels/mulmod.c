// Multiplication in the field of secp256k1, of 2^256 - 2^32 - 977 elements.
#include "kernel.h"

#define FOLD 0x1000003d1ull // 2^256 modulo the prime

typedef struct {
    uint64_t limb[4];
} field;

#if defined(__wasm__)
// There is no 128-bit product.
static uint64_t multiply(uint64_t a, uint64_t b, uint64_t *high) {
    uint64_t a0 = (uint32_t)a, a1 = a >> 32, b0 = (uint32_t)b, b1 = b >> 32;
    uint64_t low = a0 * b0, middle = a1 * b0 + (low >> 32), other = a0 * b1 + (uint32_t)middle;
    *high = a1 * b1 + (middle >> 32) + (other >> 32);
    return other << 32 | (uint32_t)low;
}
#else
static uint64_t multiply(uint64_t a, uint64_t b, uint64_t *high) {
    unsigned __int128 product = (unsigned __int128)a * b;
    *high = (uint64_t)(product >> 64);
    return (uint64_t)product;
}
#endif

// x + a * b + carry, of which the high half is the new carry: it cannot overflow.
static uint64_t accumulate(uint64_t x, uint64_t a, uint64_t b, uint64_t *carry) {
    uint64_t high, low = multiply(a, b, &high);
    low += x;
    high += low < x;
    low += *carry;
    high += low < *carry;
    *carry = high;
    return low;
}

static field multiply_field(const field *a, const field *b) {
    uint64_t wide[8] = {0}, carry;
    for (int i = 0; i < 4; i++) {
        carry = 0;
        for (int j = 0; j < 4; j++) wide[i + j] = accumulate(wide[i + j], a->limb[i], b->limb[j], &carry);
        wide[i + 4] = carry;
    }
    // Twice: the high half times 2^256 modulo the prime joins the low half.
    field r;
    carry = 0;
    for (int i = 0; i < 4; i++) r.limb[i] = accumulate(wide[i], wide[i + 4], FOLD, &carry);
    uint64_t top = carry;
    carry = 0;
    r.limb[0] = accumulate(r.limb[0], top, FOLD, &carry);
    for (int i = 1; i < 4; i++) {
        r.limb[i] += carry;
        carry = r.limb[i] < carry;
    }
    // The last carry, at most once; r may stay above the prime, but fits.
    r.limb[0] += carry * FOLD;
    return r;
}

KERNEL(mulmod) {
    uint64_t state = 11;
    field a, b;
    for (int i = 0; i < 4; i++) a.limb[i] = next_random(&state), b.limb[i] = next_random(&state);
    for (int i = 0; i < 250000; i++) {
        field c = multiply_field(&a, &b);
        b = a;
        a = c;
    }
    return a.limb[0] ^ a.limb[1] ^ a.limb[2] ^ a.limb[3];
}
