"""Answers with what the reference (fixtures/vectors/generative/gmem_ref.py) computes: reads blocks from standard input, writes a block for each.

A block is a function's number (u32), how many inputs follow (u32), and the inputs, each of so many u64 as the function takes; the
answer is for each input so many u64 as it gives. All are little endian.
"""
import struct
import sys

sys.path.insert(0, sys.argv[1])
import gmem_ref as ref  # noqa: E402

M64 = ref.M64


def halves(value):
    return value >> 64, value & M64


def limbs(value):
    return value & M64, value >> 64 & M64, value >> 128


def bits(value):
    return ref.b64(value) if value == value else 0x7FF8000000000000


def text(word):
    """Characters of all planes, told by a number."""
    return "".join(chr((word >> shift & 0xFFFF) % 0xD800 + (0x10000 if word >> shift & 1 else 0)) for shift in (0, 16, 32))


def lower_bound(high, low, seed):
    index = ref.search_q(high << 64 | low, seed)
    return (0, 0) if index is None else (1, index)


def fraction(number):
    value = ref.f64(number)
    return halves(ref.t_fixed(value)) if 0.0 < value < 1.0 else (0, 0)


def search(number, seed):
    value = ref.f64(number)
    return ref.search(value, seed) if value == value else 0


def hilbert(order, x, y):
    side = 1 << order % 33
    return ref.hilbert(side, x % side, y % side)


def hilbert_inverse(order, place):
    side = 1 << order % 33
    return ref.hilbert_inv(side, place % (side * side))


def inductive(seed, order, x, y):
    side = 1 << order % 33
    return bits(ref.inductive(seed, x % side, y % side, side))


def solve(seed, intention, law, x, y, event):
    residues, value = ref.solve(seed, text(intention), text(law), x, y, event)
    return (*residues, *limbs(value))


# Name, how many u64 it takes, what it computes. The order is that of the Rust side.
FUNCTIONS = [
    ("fnv1a_u64", 1, ref.fnv_u64),
    ("fnv1a_string", 2, lambda word, salt: ref.fnv_str(text(word), salt)),
    ("djb2", 1, lambda word: ref.djb2(text(word))),
    ("feistel", 2, ref.feistel),
    ("crc32", 2, lambda first, second: ref.crc32(struct.pack("<QQ", first, second))),
    ("xi", 2, ref.xi),
    ("cell", 2, ref.cell),
    ("fraction", 2, ref.synth_int61),
    ("synthesized_f64", 2, lambda address, seed: bits(ref.synth(address, seed))),
    ("to_cell", 1, lambda number: ref.to_cell(ref.f64(number))),
    ("monotonic", 2, lambda index, seed: bits(ref.mono(index, seed))),
    ("search", 2, search),
    ("to_fraction", 1, fraction),
    ("lower_bound", 3, lower_bound),
    ("phi", 2, ref.phi),
    ("phi52", 2, ref.phi52),
    ("hilbert", 3, hilbert),
    ("hilbert_inverse", 2, hilbert_inverse),
    ("crt", 3, lambda *residues: limbs(ref.crt3(residues))),
    ("inductive", 4, inductive),
    ("solve", 6, solve),
    ("json_address", 2, lambda schema, path: ref.fnv_str(text(path), ref.schema_salt(text(schema)))),
]


def main():
    source, sink = sys.stdin.buffer, sys.stdout.buffer
    while head := source.read(8):
        number, count = struct.unpack("<II", head)
        _, width, function = FUNCTIONS[number]
        answers = []
        for inputs in struct.iter_unpack(f"<{width}Q", source.read(8 * width * count)):
            answer = function(*inputs)
            answers.extend(answer if isinstance(answer, tuple) else (answer,))
        sink.write(struct.pack(f"<{len(answers)}Q", *answers))
        sink.flush()


main()
