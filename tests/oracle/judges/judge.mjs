#!/usr/bin/env node
// Asks @chainsafe/persistent-merkle-tree whether proofs lead to their roots. Usage: judge.mjs LIBRARIES QUESTIONS
//
// LIBRARIES is the folder `node_modules` that the library is installed in. judge.py describes the questions and the
// answers. The library finds the places of the helpers, builds the tree and hashes it.

import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";

const [libraries, questions] = process.argv.slice(2);
const library = pathToFileURL(join(libraries, "@chainsafe/persistent-merkle-tree/lib/index.js"));
const { createNodeFromProof } = await import(library);

const FIXED_BYTES = 56;
const CLAIM_BYTES = 24;
const INDEX_BYTES = 8;
const NODE_BYTES = 32;

const fromHex = (hex) => new Uint8Array(Buffer.from(hex, "hex"));
const toHex = (bytes) => Buffer.from(bytes).toString("hex");

function demand(condition, reason) {
  if (!condition) throw new Error(reason);
}

/** The elements of the list that `bytes` holds. */
function split(bytes, size) {
  demand(bytes.length % size === 0, "a list is cut");
  return Array.from({ length: bytes.length / size }, (_, i) => bytes.subarray(i * size, (i + 1) * size));
}

/** Root and multiproof of a memory proof's bytes; docs/proofs.md draws them. */
function decode(bytes) {
  demand(bytes.length >= FIXED_BYTES, "too short");
  demand(bytes.readBigUInt64LE(0) === 1n, "unknown version");
  const bounds = [40, 44, 48, 52].map((at) => bytes.readUInt32LE(at)).concat(bytes.length);
  demand(bounds[0] === FIXED_BYTES && bounds.slice(1).every((end, i) => bounds[i] <= end), "bad offsets");
  const list = (i, size) => split(bytes.subarray(bounds[i], bounds[i + 1]), size);
  list(0, CLAIM_BYTES);
  return {
    root: toHex(bytes.subarray(8, 40)),
    gindices: list(1, INDEX_BYTES).map((index) => index.readBigUInt64LE()),
    leaves: list(2, NODE_BYTES),
    witnesses: list(3, NODE_BYTES),
  };
}

const hash = (left, right) => createHash("sha256").update(left).update(right).digest();

/** The chunk of an integer. */
function chunk(integer) {
  const bytes = Buffer.alloc(NODE_BYTES);
  bytes.writeBigUInt64LE(integer);
  return bytes;
}

/** The root over a power of two of chunks. */
function vectorRoot(chunks) {
  if (chunks.length === 1) return chunks[0];
  return vectorRoot(chunks.filter((_, i) => i % 2 === 0).map((left, i) => hash(left, chunks[2 * i + 1])));
}

/** The leaf of an allocation record's bytes: zero if they are. */
function recordLeaf(record) {
  if (record.every((byte) => byte === 0)) return Buffer.alloc(NODE_BYTES);
  const word = (at) => chunk(record.readBigUInt64LE(at));
  const [owner, fragments] = [record.subarray(40, 72), record.subarray(80, 112)];
  return vectorRoot([...[0, 8, 16, 24, 32].map(word), owner, word(72), fragments]);
}

const isGenerative = (meta) => (meta & 0xffn) === 9n;

/** The leaf of a region with this header and these pages: a map from page to leaf. */
function regionLeaf([meta, size, seed, mode], pages) {
  const isZero = (node) => node.every((byte) => byte === 0);
  demand([...pages].every(([page, leaf]) => page < size / 4096n || isZero(leaf)), "a page behind the end");
  if (size === 0n) return Buffer.alloc(NODE_BYTES);
  let [zero, nodes] = [Buffer.alloc(NODE_BYTES), pages];
  for (let width = size / 4096n; width > 1n; width = (width + 1n) / 2n) {
    const parents = new Map();
    for (const at of nodes.keys()) {
      const [left, right] = [at & ~1n, at | 1n].map((child) => nodes.get(child) ?? zero);
      parents.set(at >> 1n, hash(left, right));
    }
    [zero, nodes] = [hash(zero, zero), parents];
  }
  const cap = hash(chunk(size), nodes.get(0n) ?? zero);
  return hash(chunk(meta), isGenerative(meta) ? hash(cap, hash(chunk(seed), chunk(mode))) : cap);
}

/** The two multiproofs of a transition proof, each with its root; docs/proofs.md says which leaves there are. */
function decodeTransition(bytes) {
  demand(bytes.length >= 136 && bytes.readBigUInt64LE(0) === 2n ** 32n + 3n, "too short, or of an unknown version");
  const bounds = [120, 124, 128, 132].map((at) => bytes.readUInt32LE(at)).concat(bytes.length);
  demand(bounds[0] === 136 && bounds.slice(1).every((end, i) => bounds[i] <= end), "bad offsets");
  const list = (i, size) => split(bytes.subarray(bounds[i], bounds[i + 1]), size);
  const words = (element, count) => Array.from({ length: count }, (_, i) => element.readBigUInt64LE(8 * i));
  const leaves = new Map([15n, 11n, 21n].map((index, i) => [index, [72, 96].map((at) => chunk(bytes.readBigUInt64LE(at + 8 * i)))]));
  const changes = list(1, 80).map((change) => [...words(change, 2), change.subarray(16, 48), change.subarray(48)]);
  for (const element of list(0, 72)) {
    const [region, ...headers] = words(element, 9);
    const [before, after] = [headers.slice(0, 4), headers.slice(4)];
    for (const [meta, size, seed, mode] of [before, after]) {
      demand(size > 0n || meta === 0n, "an absent region with a header");
      demand(isGenerative(meta) || (seed === 0n && mode === 0n), "a generator of a region that has none");
    }
    const own = changes.filter((change) => change[0] === region);
    const index = 9n * 256n + region;
    const [form, size] = [isGenerative(before[0]), before[1]];
    if (size !== 0n && size === after[1] && form === isGenerative(after[0])) {
      const cap = 2n * index + 1n;
      const integers = form ? [4n * cap, 4n * cap + 2n, 4n * cap + 3n] : [2n * cap];
      for (const [i, place] of [2n * index, ...integers].entries()) leaves.set(place, [chunk(before[i]), chunk(after[i])]);
      const depth = BigInt((size / 4096n - 1n).toString(2).replace(/^0$/, "").length);
      const pages = (integers[0] + 1n) << depth;
      for (const [, page, old, changed] of own) leaves.set(pages + page, [old, changed]);
    } else {
      const pages = (side) => new Map(own.map((change) => [change[1], change[2 + side]]));
      leaves.set(index, [regionLeaf(before, pages(0)), regionLeaf(after, pages(1))]);
    }
  }
  for (const record of list(2, 232)) {
    const sides = [record.subarray(8, 120), record.subarray(120)];
    leaves.set((20n << 24n) + record.readBigUInt64LE(0), sides.map(recordLeaf));
  }
  const gindices = [...leaves.keys()].sort((a, b) => (a < b ? 1 : -1));
  const witnesses = list(3, NODE_BYTES);
  return [0, 1].map((side) => ({
    root: toHex(bytes.subarray(8 + 32 * side, 40 + 32 * side)),
    proof: { type: "multi", gindices, leaves: gindices.map((index) => leaves.get(index)[side]), witnesses },
  }));
}

/** The roots of a question, each with what must lead to it. */
function proofs(question) {
  if (!("transition" in question)) return [{ root: question.root, proof: read(question) }];
  const [before, after] = decodeTransition(readFileSync(question.transition));
  demand(before.root === question.old_root && after.root === question.root, "made for other roots");
  return [before, after];
}

/** A question in the library's form. */
function read(question) {
  if ("file" in question) {
    const { root, ...proof } = decode(readFileSync(question.file));
    demand(root === question.root, "made for another root");
    return { type: "multi", ...proof };
  }
  if ("branch" in question) {
    const { gindex, leaf, branch } = question;
    return { type: "single", gindex: BigInt(gindex), leaf: fromHex(leaf), witnesses: branch.map(fromHex) };
  }
  const { gindices, leaves, proof } = question;
  return {
    type: "multi",
    gindices: gindices.map(BigInt),
    leaves: leaves.map(fromHex),
    witnesses: proof.map(fromHex),
  };
}

for (const question of JSON.parse(readFileSync(questions, "utf8"))) {
  try {
    for (const { root, proof } of proofs(question)) {
      demand(toHex(createNodeFromProof(proof).root) === root, "another root follows");
    }
    console.log("accepted");
  } catch (reason) {
    console.log("refused", String(reason));
  }
}
