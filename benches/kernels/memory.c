// What a compiler may call without being asked, for the targets without a library. Built with -fno-builtin.
#include <stddef.h>
#include <stdint.h>

void *memcpy(void *restrict to, const void *restrict from, size_t length) {
    for (size_t i = 0; i < length; i++) ((uint8_t *)to)[i] = ((const uint8_t *)from)[i];
    return to;
}

void *memset(void *to, int value, size_t length) {
    for (size_t i = 0; i < length; i++) ((uint8_t *)to)[i] = (uint8_t)value;
    return to;
}
