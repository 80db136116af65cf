#!/usr/bin/env python3
"""Checks memory proofs of one claim with nothing but SHA-256.

Usage: check_proof.py ROOT ADDRESS LENGTH PROOF... for bytes, check_proof.py ROOT allocation SLOT PROOF... for a record.

Written from docs/proofs.md and the consensus specifications' ssz/merkle-proofs.md, not from the program that it
judges. For each proof it prints `valid` and what is proven, or `invalid` and the reason: bytes in hex, or the fields of a
record, or `free`. Exits with 0 if all are valid, 1 if one is not, 2 for unusable arguments.
"""

import hashlib
import struct
import sys

PAGE, CHUNK, REGION = 4096, 32, 2**32
GENERATIVE = 9
ALLOCATIONS_LIMIT = 2**24
ZERO = bytes(CHUNK)


class Invalid(Exception):
    pass


def demand(condition, reason):
    if not condition:
        raise Invalid(reason)


# ---- The SSZ container ---------------------------------------------------------------------------


def split(data, size, what):
    demand(len(data) % size == 0, f"the list of {what} is cut")
    return [data[at : at + size] for at in range(0, len(data), size)]


def decode(proof):
    """Root, claims, indices, leaves and helpers."""
    demand(len(proof) >= 56, "too short")
    version, root, *offsets = struct.unpack_from("<Q32s4I", proof)
    demand(version == 1, "unknown version")
    ends = offsets[1:] + [len(proof)]
    demand(offsets[0] == 56 and all(a <= b for a, b in zip(offsets, ends)), "bad offsets")
    lists = [proof[start:end] for start, end in zip(offsets, ends)]
    claims = [struct.unpack("<3Q", claim) for claim in split(lists[0], 24, "claims")]
    indices = [int.from_bytes(index, "little") for index in split(lists[1], 8, "indices")]
    return root, claims, indices, split(lists[2], CHUNK, "leaves"), split(lists[3], CHUNK, "helpers")


# ---- Multiproofs, as in ssz/merkle-proofs.md -----------------------------------------------------


def branch(index):
    """The siblings on the way from a node to the root."""
    while index > 1:
        yield index ^ 1
        index //= 2


def path(index):
    """The node and those above it, without the root."""
    while index > 1:
        yield index
        index //= 2


def helper_indices(indices):
    siblings = {sibling for index in indices for sibling in branch(index)}
    return sorted(siblings - {node for index in indices for node in path(index)}, reverse=True)


def multiproof_root(nodes):
    """The root that follows from the nodes, by index; each is used."""
    nodes, pending = dict(nodes), sorted(nodes, reverse=True)
    for index in pending:  # grows at its end, and stays in descending order of depth
        if index > 1 and index ^ 1 in nodes and index // 2 not in nodes:
            pair = nodes[index & ~1] + nodes[index | 1]
            nodes[index // 2] = hashlib.sha256(pair).digest()
            pending.append(index // 2)
    demand(1 in nodes, "the nodes do not lead to the root")
    return nodes[1]


# ---- What must be in a proof ---------------------------------------------------------------------


def uint64(chunk):
    demand(not any(chunk[8:]), "a padded integer has nonzero padding")
    return int.from_bytes(chunk[:8], "little")


def check(proof, trusted_root, claim, prove):
    """What is proven of a claim; `prove` gives that, and the indices that it needs, from the leaves by their indices."""
    root, claims, indices, leaves, helpers = decode(proof)
    demand(root == trusted_root, "made for another root")
    demand(claims == [claim], "made for other claims")
    demand(len(indices) == len(set(indices)) == len(leaves), "not one leaf for each index")
    leaf = dict(zip(indices, leaves))
    value, wanted = prove(leaf, *claim[1:])
    demand(indices == sorted(wanted, reverse=True), "not the leaves that the claim needs")
    helpers_at = helper_indices(indices)
    demand(len(helpers_at) == len(helpers), "too many or too few helpers")
    demand(multiproof_root({**leaf, **dict(zip(helpers_at, helpers))}) == trusted_root, "another root follows")
    return value


def made(offset, seed, mode):
    """The chunk at an offset of a Generative region that nobody has written (docs/generative.md)."""
    demand(mode in (0, 1), "a mode that is not defined")
    if mode == 0:
        return ZERO
    cells = []
    for address in range(offset // 4, offset // 4 + CHUNK // 4):
        total = 0.0
        for modulus in (251, 257, 263, 269, 271, 277, 281, 283):
            total += (address ^ seed) % modulus / modulus
        cells.append(struct.pack("<f", total % 1))
    return b"".join(cells)


def prove_bytes(leaf, address, length):
    region, start = divmod(address, REGION)
    region_index = 9 * 256 + region
    meta_index, cap_index = 2 * region_index, 2 * region_index + 1
    size_index, pages_index = 2 * cap_index, 2 * cap_index + 1
    demand(meta_index in leaf, "no region, or nothing is said of it")
    wanted, is_generative = {meta_index}, uint64(leaf[meta_index]) & 0xFF == GENERATIVE
    if is_generative:
        size_index, pages_index, seed_index, mode_index = range(4 * cap_index, 4 * cap_index + 4)
        demand(seed_index in leaf and mode_index in leaf, "nothing is said of its seed and mode")
        seed, mode = uint64(leaf[seed_index]), uint64(leaf[mode_index])
        wanted |= {seed_index, mode_index}
    demand(size_index in leaf, "nothing is said of its size")
    wanted.add(size_index)
    kind, size = uint64(leaf[meta_index]) & 0xFF, uint64(leaf[size_index])
    demand(kind <= GENERATIVE, "a kind that is not defined")
    demand(PAGE <= size <= REGION and size % PAGE == 0, "an impossible size")
    demand(start + length <= size, "bytes behind the end")

    first_page = pages_index << (size // PAGE - 1).bit_length()
    data = b""
    for at in range(start // CHUNK, (start + length - 1) // CHUNK + 1):
        page, chunk = divmod(at, PAGE // CHUNK)
        page_index = first_page + page
        content_index = 2 * page_index if is_generative else page_index
        if leaf.get(page_index) == ZERO:
            wanted.add(page_index)
            data += made(at * CHUNK, seed, mode) if is_generative else ZERO
        elif leaf.get(content_index) == ZERO:
            wanted.add(content_index)
            data += ZERO
        else:
            chunk_index = content_index * (PAGE // CHUNK) + chunk
            wanted.add(chunk_index)
            data += leaf.get(chunk_index, ZERO)
    return data[start % CHUNK :][:length].hex(), wanted


def prove_allocation(leaf, slot, _):
    data_index, length_index = 2 * 10, 2 * 10 + 1
    demand(length_index in leaf, "nothing is said of the list's length")
    length = uint64(leaf[length_index])
    demand(length <= ALLOCATIONS_LIMIT, "an impossible length")
    record_index = (data_index << 24) + slot
    if slot >= length:
        return "free", {length_index}
    if leaf.get(record_index) == ZERO:
        return "free", {length_index, record_index}
    chunks = range(8 * record_index, 8 * record_index + 8)
    values = [leaf.get(chunk, ZERO) for chunk in chunks]
    shown = [chunk.hex() if field in (5, 7) else str(uint64(chunk)) for field, chunk in enumerate(values)]
    return " ".join(shown), {length_index, *chunks}


def main():
    try:
        trusted_root = bytes.fromhex(sys.argv[1])
        assert len(trusted_root) == 32
        if sys.argv[2] == "allocation":
            claim, prove = (2, int(sys.argv[3], 0), 0), prove_allocation
            assert 0 <= claim[1] < ALLOCATIONS_LIMIT
        else:
            claim, prove = (0, int(sys.argv[2], 0), int(sys.argv[3], 0)), prove_bytes
            _, address, length = claim
            assert 0 <= address < 2**40 and length > 0 and address % REGION + length <= REGION
        proofs = [open(path, "rb").read() for path in sys.argv[4:]]
        assert proofs
    except (AssertionError, IndexError, OSError, ValueError) as error:
        print(f"{__doc__}\n{error!r}", file=sys.stderr)
        return 2
    worst = 0
    for proof in proofs:
        try:
            print("valid", check(proof, trusted_root, claim, prove))
        except Invalid as reason:
            print("invalid", reason)
            worst = 1
    return worst


if __name__ == "__main__":
    sys.exit(main())
