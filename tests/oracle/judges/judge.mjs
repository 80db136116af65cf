#!/usr/bin/env node
// Asks @chainsafe/persistent-merkle-tree whether proofs lead to their roots. Usage: judge.mjs LIBRARIES QUESTIONS
//
// LIBRARIES is the folder `node_modules` that the library is installed in. judge.py describes the questions and the
// answers. The library finds the places of the helpers, builds the tree and hashes it.

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
    demand(toHex(createNodeFromProof(read(question)).root) === question.root, "another root follows");
    console.log("accepted");
  } catch (reason) {
    console.log("refused", String(reason));
  }
}
