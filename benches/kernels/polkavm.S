# Tells PolkaVM's linker of the one export, `kernel`: a function without arguments whose result is one register.
# KERNEL is the function's name.
    .section .polkavm_metadata, "aw", @progbits
name:
    .ascii  "kernel"
metadata:
    .byte   1                   # version
    .word   0                   # flags
    .word   6                   # length of the name
    .quad   name
    .byte   0                   # registers with arguments
    .byte   1                   # registers with results

    .section .polkavm_exports, "R", @note
    .byte   1                   # version
    .quad   metadata
    .quad   KERNEL
