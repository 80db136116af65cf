#!/usr/bin/env python3
"""Checks memory proofs of one claim, and transition proofs, with nothing but SHA-256.

Usage: check_proof.py ROOT ADDRESS LENGTH PROOF... for bytes, check_proof.py ROOT allocation SLOT PROOF... for a record,
check_proof.py OLD_ROOT transition NEW_ROOT PROOF... for transitions.

Written from docs/proofs.md and the consensus specifications' ssz/merkle-proofs.md, not from the program that it
judges. For each proof it prints `valid` and what is proven, or `invalid` and the reason: bytes in hex, or the fields of a
record, or `free`; of a transition how many regions, pages and records change. Exits with 0 if all are valid, 1 if one is not, 2 for unusable arguments.
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


# ---- Transitions -----------------------------------------------------------------------------------

TRANSITION_VERSION = 2**32 + 3
REGIONS_LIMIT, CHANGES_LIMIT, RECORDS_LIMIT, NODES_LIMIT = 2**8, 2**20, 2**17, 2**20
ABSENT, FREE = (0, 0, 0, 0), bytes(112)


def pair_hash(left, right):
    return hashlib.sha256(left + right).digest()


def chunk(integer):
    return integer.to_bytes(CHUNK, "little")


def vector_root(chunks):
    """The root over a power of two of chunks."""
    while len(chunks) > 1:
        chunks = [pair_hash(*chunks[at : at + 2]) for at in range(0, len(chunks), 2)]
    return chunks[0]


def sparse_root(leaves, depth):
    """The root over 2^depth leaves, of which those in the dictionary are not zero."""
    zero = ZERO
    for _ in range(depth):
        parents = {position // 2 for position in leaves}
        leaves = {at: pair_hash(leaves.get(2 * at, zero), leaves.get(2 * at + 1, zero)) for at in parents}
        zero = pair_hash(zero, zero)
    return leaves.get(0, zero)


def record_leaf(record):
    if record == FREE:
        return ZERO
    *integers, owner, fragment_count, fragments = struct.unpack("<5Q32sQ32s", record)
    return vector_root([*map(chunk, integers), owner, chunk(fragment_count), fragments])


def decode_transition(proof):
    """Roots, pairs of leaves by index, helpers, and how many regions, pages and records are listed."""
    demand(len(proof) >= 136, "too short")
    version, old_root, new_root, *words = struct.unpack_from("<Q32s32s6Q4I", proof)
    demand(version == TRANSITION_VERSION, "unknown version")
    counts, offsets = [words[:3], words[3:6]], words[6:]
    ends = offsets[1:] + [len(proof)]
    demand(offsets[0] == 136 and all(a <= b for a, b in zip(offsets, ends)), "bad offsets")
    lists = [proof[start:end] for start, end in zip(offsets, ends)]
    regions = [struct.unpack("<9Q", region) for region in split(lists[0], 72, "regions")]
    changes = [struct.unpack("<QQ32s32s", change) for change in split(lists[1], 80, "changes")]
    records = [struct.unpack("<Q112s112s", record) for record in split(lists[2], 232, "records")]
    helpers = split(lists[3], CHUNK, "helpers")
    limits = zip([regions, changes, records, helpers], [REGIONS_LIMIT, CHANGES_LIMIT, RECORDS_LIMIT, NODES_LIMIT])
    demand(all(len(elements) <= limit for elements, limit in limits), "a list is too long")
    for keys in [[region[0] for region in regions], [change[:2] for change in changes], [record[0] for record in records]]:
        demand(all(a < b for a, b in zip(keys, keys[1:])), "a list does not ascend")
    demand({change[0] for change in changes} <= {region[0] for region in regions}, "a region is not listed")

    # Settlements, the next allocation's number, the length of the list of allocations.
    leaves = {index: tuple(map(chunk, pair)) for index, pair in zip([15, 11, 21], zip(*counts))}
    for slot, *sides in records:
        demand(sides[0] != sides[1], "a record does not change")
        for record, (_, _, length) in zip(sides, counts):
            demand(record == FREE or slot < length, "a record behind the end of the list")
        demand(slot < ALLOCATIONS_LIMIT, "no such slot")
        leaves[(20 << 24) + slot] = tuple(map(record_leaf, sides))
    demand(all(length <= ALLOCATIONS_LIMIT for _, _, length in counts), "an impossible length")
    for region, *header in regions:
        own = [change[1:] for change in changes if change[0] == region]
        leaves |= region_leaves(region, tuple(header[:4]), tuple(header[4:]), own)
    return old_root, new_root, leaves, helpers, (len(regions), len(changes), len(records))


def region_leaves(region, old, new, changes):
    """The pairs of leaves of a region with these headers (meta, size, seed, mode); changes are page, old leaf, new leaf."""
    demand(region < 256, "no such region")
    demand(old != new or changes, "a region does not change")
    for meta, size, *generator in {old, new} - {ABSENT}:
        demand(meta & 0xFF <= GENERATIVE, "a kind that is not defined")
        demand(meta & 0xFF == GENERATIVE or generator == [0, 0], "a generator of a region that has none")
        demand(PAGE <= size <= REGION and size % PAGE == 0, "an impossible size")
    index = 9 * 256 + region
    depth = lambda size: (size // PAGE - 1).bit_length()
    is_generative = [header[0] & 0xFF == GENERATIVE for header in (old, new)]
    if old[1] == new[1] and ABSENT not in (old, new) and is_generative[0] == is_generative[1]:
        cap = 2 * index + 1
        places = [2 * index, 4 * cap, 4 * cap + 2, 4 * cap + 3] if is_generative[0] else [2 * index, 2 * cap]
        leaves = {place: (chunk(before), chunk(after)) for place, before, after in zip(places, old, new)}
        for page, before, after in changes:
            demand(before != after, "a page does not change")
            demand(page < old[1] // PAGE, "a page behind the end")
            leaves[(places[1] + 1 << depth(old[1])) + page] = (before, after)
        return leaves
    demand(all(change[1:] != (ZERO, ZERO) for change in changes), "a page of nothing")
    sides = []
    for side, (meta, size, seed, mode) in enumerate([old, new]):
        pages = {change[0]: change[1 + side] for change in changes if change[1 + side] != ZERO}
        demand(all(page < size // PAGE for page in pages), "a page behind the end")
        if size == 0:
            sides.append(ZERO)
            continue
        cap = pair_hash(chunk(size), sparse_root(pages, depth(size)))
        if is_generative[side]:
            cap = pair_hash(cap, pair_hash(chunk(seed), chunk(mode)))
        sides.append(pair_hash(chunk(meta), cap))
    return {index: tuple(sides)}


def check_transition(proof, old_root, new_root):
    """How many regions, pages and records change, and nothing else."""
    *roots, leaves, helpers, counts = decode_transition(proof)
    demand(roots == [old_root, new_root], "made for other roots")
    indices = sorted(leaves, reverse=True)
    helpers_at = helper_indices(indices)
    demand(len(helpers_at) == len(helpers), "too many or too few helpers")
    for side, root in enumerate(roots):
        nodes = {index: leaves[index][side] for index in indices} | dict(zip(helpers_at, helpers))
        demand(multiproof_root(nodes) == root, "another root follows")
    return "%d regions %d pages %d records" % counts


def main():
    try:
        trusted_root = bytes.fromhex(sys.argv[1])
        assert len(trusted_root) == 32
        if sys.argv[2] == "transition":
            new_root = bytes.fromhex(sys.argv[3])
            assert len(new_root) == 32
            judge = lambda proof: check_transition(proof, trusted_root, new_root)
        elif sys.argv[2] == "allocation":
            claim, prove = (2, int(sys.argv[3], 0), 0), prove_allocation
            assert 0 <= claim[1] < ALLOCATIONS_LIMIT
            judge = lambda proof: check(proof, trusted_root, claim, prove)
        else:
            claim, prove = (0, int(sys.argv[2], 0), int(sys.argv[3], 0)), prove_bytes
            _, address, length = claim
            assert 0 <= address < 2**40 and length > 0 and address % REGION + length <= REGION
            judge = lambda proof: check(proof, trusted_root, claim, prove)
        proofs = [open(path, "rb").read() for path in sys.argv[4:]]
        assert proofs
    except (AssertionError, IndexError, OSError, ValueError) as error:
        print(f"{__doc__}\n{error!r}", file=sys.stderr)
        return 2
    worst = 0
    for proof in proofs:
        try:
            print("valid", judge(proof))
        except Invalid as reason:
            print("invalid", reason)
            worst = 1
    return worst


if __name__ == "__main__":
    sys.exit(main())
