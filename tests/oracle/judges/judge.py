#!/usr/bin/env python3
"""Asks remerkleable whether proofs lead to their roots. Usage: judge.py LIBRARIES QUESTIONS

LIBRARIES is the folder that remerkleable is installed in. QUESTIONS is a file with a JSON list of objects; each has
the trusted "root" and what shall lead to it, a memory proof, a single proof or a multiproof:

    "file": path of the memory proof
    "transition": path of a transition proof; "old_root" tells which root it must start from
    "gindex", "leaf", "branch"
    "gindices", "leaves", "proof"

Hashes are hexadecimal, indices decimal text. Other keys are ignored. For each question one line is printed: `accepted`,
or `refused` and the reason. The library holds the tree and hashes it. That a proof's leaves are those that its claims
need is not asked here: it is the subject of check_proof.py.
"""

import json
import sys
from pathlib import Path

sys.dont_write_bytecode = True
sys.path[:0] = [sys.argv[1], str(Path(__file__).resolve().parent.parent)]

from check_proof import Invalid, decode, decode_transition, demand, helper_indices
from remerkleable.tree import NavigationError, RootNode, zero_node


def read_transition(question):
    """The multiproofs of the old root and the new one, with those roots."""
    *roots, leaves, helpers, _ = decode_transition(Path(question["transition"]).read_bytes())
    wanted = [question["old_root"], question["root"]]
    demand([root.hex() for root in roots] == wanted, "made for other roots")
    indices = sorted(leaves, reverse=True)
    return [(root, (indices, [leaves[index][side] for index in indices], helpers)) for side, root in enumerate(wanted)]


def read(question):
    """Indices, leaves and helpers of a question."""
    hashes = lambda key: [bytes.fromhex(node) for node in question[key]]
    if "file" in question:
        root, _, indices, leaves, helpers = decode(Path(question["file"]).read_bytes())
        demand(root.hex() == question["root"], "made for another root")
        return indices, leaves, helpers
    if "branch" in question:  # a multiproof of one leaf
        return [int(question["gindex"])], [bytes.fromhex(question["leaf"])], hashes("branch")
    return [int(index) for index in question["gindices"]], hashes("leaves"), hashes("proof")


def root_of(indices, leaves, helpers):
    """Root of a tree that was empty before the nodes were put into it."""
    demand(len(indices) == len(leaves), "not one leaf for each index")
    helpers_at = helper_indices(indices)
    demand(len(helpers_at) == len(helpers), "too many or too few helpers")
    tree = zero_node(0)
    for index, node in zip(indices + helpers_at, leaves + helpers):
        tree = tree.setter(index, expand=True)(RootNode(node))
    for index, leaf in zip(indices, leaves):
        demand(tree.getter(index).merkle_root() == leaf, f"another node has taken the place of leaf {index}")
    return tree.merkle_root()


def main():
    for question in json.loads(Path(sys.argv[2]).read_text()):
        try:
            is_transition = "transition" in question
            proofs = read_transition(question) if is_transition else [(question["root"], read(question))]
            for root, proof in proofs:
                demand(root_of(*proof).hex() == root, "another root follows")
            print("accepted")
        except (Invalid, NavigationError) as reason:
            print("refused", repr(reason))


if __name__ == "__main__":
    main()
