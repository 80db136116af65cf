# Entry point of every kernel as a RISC-V program. `start_kernel` does not return.
    .section .text.start, "ax", @progbits
    .globl _start
_start:
    .option push
    .option norelax
    la      gp, __global_pointer$
    .option pop
    call    start_kernel
    unimp
