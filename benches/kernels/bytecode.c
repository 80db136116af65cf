// A switch interpreter of a small stack machine, which computes prime numbers by trial division.
#include "kernel.h"

enum { PUSH, LOAD, STORE, ADD, SUB, MUL, REM, LESS, JUMP, JUMP_IF_ZERO, HALT };

static const int16_t program[] = {
    /*  0 */ PUSH, 0, STORE, 0, // sum = 0
    /*  4 */ PUSH, 2, STORE, 1, // n = 2
    /*  8 */ LOAD, 1, PUSH, 30000, LESS, JUMP_IF_ZERO, 63, // while n < 30000
    /* 15 */ PUSH, 2, STORE, 2, // d = 2
    /* 19 */ LOAD, 1, LOAD, 2, LOAD, 2, MUL, LESS, JUMP_IF_ZERO, 38, // while d * d <= n
    /* 29 */ LOAD, 0, LOAD, 1, ADD, STORE, 0, // else n is prime: sum = sum + n
    /* 36 */ JUMP, 54,
    /* 38 */ LOAD, 1, LOAD, 2, REM, JUMP_IF_ZERO, 54, // if n % d = 0, n is not prime
    /* 45 */ LOAD, 2, PUSH, 1, ADD, STORE, 2, // d = d + 1
    /* 52 */ JUMP, 19,
    /* 54 */ LOAD, 1, PUSH, 1, ADD, STORE, 1, // n = n + 1
    /* 61 */ JUMP, 8,
    /* 63 */ HALT,
};

static int64_t run(const int16_t *code) {
    int64_t stack[16], variable[4] = {0};
    size_t top = 0;
    for (size_t pc = 0;;) {
        switch (code[pc++]) {
        case PUSH: stack[top++] = code[pc++]; break;
        case LOAD: stack[top++] = variable[code[pc++]]; break;
        case STORE: variable[code[pc++]] = stack[--top]; break;
        case ADD: top--, stack[top - 1] += stack[top]; break;
        case SUB: top--, stack[top - 1] -= stack[top]; break;
        case MUL: top--, stack[top - 1] *= stack[top]; break;
        case REM: top--, stack[top - 1] %= stack[top]; break;
        case LESS: top--, stack[top - 1] = stack[top - 1] < stack[top]; break;
        case JUMP: pc = (size_t)code[pc]; break;
        case JUMP_IF_ZERO: pc = stack[--top] == 0 ? (size_t)code[pc] : pc + 1; break;
        case HALT: return variable[0];
        }
    }
}

KERNEL(bytecode) { return (uint64_t)run(program); }
