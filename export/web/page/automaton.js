// The automaton of the allowed outputs of a TFLite file, as in
// keras_attention/decoding/automata/automaton.py.

import { decode, readArchive } from "./archive.js";

export const FIRST = 1; // the node at which outputs begin
const ENDED = 0; // the node of outputs that have ended

export class Automaton {
  /** Load the file `outputs.npz` from its bytes. */
  static async load(bytes) {
    const files = readArchive(bytes);
    const arrays = {};
    for (const name of ["classes", "nodes", "edges"])
      arrays[name] = readNumbers(await inflate(files[`${name}.npy`]));
    return new Automaton(arrays);
  }

  /**
   * @param {Int32Array} classes the class of each token; 0 for tokens that no output contains.
   * @param {Int32Array} nodes for each node the index of its first edge and its number of edges.
   * @param {Int32Array} edges for each edge its class, its next node, and the smallest number of
   *   tokens from its token to the end of an output, both included.
   */
  constructor({ classes, nodes, edges }) {
    Object.assign(this, { classes, nodes, edges });
  }

  /** Return a function of an id that returns whether this token may follow if `left` tokens remain. */
  possible(node, left) {
    const classes = new Set();
    for (const [kind, , steps] of this.edgesOf(node)) if (steps <= left) classes.add(kind);
    return (id) => classes.has(this.classes[id]);
  }

  /** Return the node after a token. */
  follow(node, id) {
    for (const [kind, next] of this.edgesOf(node)) if (kind === this.classes[id]) return next;
    return ENDED;
  }

  *edgesOf(node) {
    const [first, count] = this.nodes.subarray(2 * node, 2 * node + 2);
    for (let edge = first; edge < first + count; edge++)
      yield this.edges.subarray(3 * edge, 3 * edge + 3);
  }
}

/** Return the bytes of a file in an archive. */
async function inflate({ bytes, deflated }) {
  if (!deflated) return bytes;
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("deflate-raw"));
  return new Uint8Array(await new Response(stream).arrayBuffer());
}

/** Return the numbers of a NumPy file, which must be int32 in little-endian and row-major order. */
function readNumbers(bytes) {
  const size = new DataView(bytes.buffer, bytes.byteOffset).getUint16(8, true);
  const header = decode(bytes.subarray(10, 10 + size));
  if (!header.includes("'<i4'") || !header.includes("'fortran_order': False"))
    throw new Error(`expected a table of int32 in outputs.npz. Received: ${header.trim()}`);
  return new Int32Array(bytes.slice(10 + size).buffer);
}
