#!/usr/bin/env python3
"""Computes the state root of a dumped machine with nothing but SHA-256. Usage: state_root.py DUMP...

Written from docs/formats.md and the SSZ specification, not from the program that it judges. Prints one root, in
hex, for each dump. A dump is JSON:

    version         uint64
    gas_schedule    all fields of the schedule in their order: [uint64, ...]
    settlements     uint64
    next_allocation uint64
    allocations     [{slot, id, address, size, kind, flags, owner: hex, fragments: [[plane, first frame, frames], ...]}, ...]
    regions         [{number, kind, permissions, flags, size, generator: [seed, mode] or null,
                    pages: {index: hex of 4,096 bytes}}, ...]
    image           {version, entry, segments: [[address, memory_size, permissions], ...], regions: as above, of
                    the machine before its first call}

Pages that are not listed are all zero; in a region with a generator, nobody has written them.
"""

import hashlib
import json
import sys

CHUNK, PAGE = 32, 4096
ZERO = bytes(CHUNK)
REGIONS = 256
ALLOCATIONS_LIMIT, SEGMENTS_LIMIT = 2**24, 64


def hash_pair(left, right):
    return hashlib.sha256(left + right).digest()


ZERO_HASHES = [ZERO]
while len(ZERO_HASHES) <= 64:
    ZERO_HASHES.append(hash_pair(ZERO_HASHES[-1], ZERO_HASHES[-1]))


def merkleize(chunks, limit):
    """The root over `limit` chunks; `chunks` maps positions to those that are not zero."""
    assert all(position < limit for position in chunks), "more chunks than the limit"
    level = dict(chunks)
    depth = (limit - 1).bit_length()
    for height in range(depth):
        zero = ZERO_HASHES[height]
        level = {
            parent: hash_pair(level.get(2 * parent, zero), level.get(2 * parent + 1, zero))
            for parent in {position // 2 for position in level}
        }
    return level.get(0, ZERO_HASHES[depth])


def vector(roots):
    return merkleize(dict(enumerate(roots)), len(roots))


def mix_in_length(root, length):
    return hash_pair(root, length.to_bytes(CHUNK, "little"))


def uint64(value):
    assert 0 <= value < 2**64
    return value.to_bytes(CHUNK, "little")


def page_leaf(content):
    assert len(content) == PAGE
    if not any(content):
        return ZERO
    return vector([content[at : at + CHUNK] for at in range(0, PAGE, CHUNK)])


def region_leaf(region):
    pages = {int(index): page_leaf(bytes.fromhex(content)) for index, content in region["pages"].items()}
    if region["generator"]:
        pages = {index: hash_pair(leaf, uint64(1)) for index, leaf in pages.items()}
    pages_root = merkleize(pages, region["size"] // PAGE)
    generator = [uint64(number) for number in region["generator"] or []]
    cap_root = vector([uint64(region["size"]), pages_root, *generator])
    meta = region["kind"] | region["permissions"] << 8 | region["flags"] << 16
    return vector([uint64(meta), cap_root])


def regions_root(regions):
    return merkleize({region["number"]: region_leaf(region) for region in regions}, REGIONS)


def image_root(image):
    segments = {position: vector(map_uint64(segment)) for position, segment in enumerate(image["segments"])}
    listed = mix_in_length(merkleize(segments, SEGMENTS_LIMIT), len(segments))
    return vector([uint64(image["version"]), uint64(image["entry"]), regions_root(image["regions"]), listed])


def map_uint64(values):
    return [uint64(value) for value in values]


def allocation_root(record):
    words = [plane + (first << 32) + (frames << 40) for plane, first, frames in record["fragments"]]
    packed = b"".join(word.to_bytes(8, "little") for word in words)
    chunks = [packed[at : at + CHUNK].ljust(CHUNK, b"\0") for at in range(0, len(packed), CHUNK)]
    integers = map_uint64(record[field] for field in ["id", "address", "size", "kind", "flags"])
    owner = bytes.fromhex(record["owner"])
    assert len(owner) == CHUNK
    return vector([*integers, owner, uint64(len(words)), vector(chunks)])


def allocations_root(records):
    leaves = {record["slot"]: allocation_root(record) for record in records}
    return mix_in_length(merkleize(leaves, ALLOCATIONS_LIMIT), max(leaves, default=-1) + 1)


def state_root(dump):
    return vector(
        [
            uint64(dump["version"]),
            regions_root(dump["regions"]),
            allocations_root(dump["allocations"]),
            uint64(dump["next_allocation"]),
            vector(map_uint64(dump["gas_schedule"])),
            image_root(dump["image"]),
            ZERO,  # cpu: the machine is idle
            uint64(dump["settlements"]),
        ]
    )


def main():
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    for path in sys.argv[1:]:
        with open(path, encoding="utf-8") as file:
            print(state_root(json.load(file)).hex())


if __name__ == "__main__":
    main()
