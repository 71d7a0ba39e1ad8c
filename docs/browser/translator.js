// Run a TFLite file of keras-attention in a browser with LiteRT.js, for character and word models,
// with greedy search at once or token by token. Subword models require a sentencepiece library: see
// docs/how-to/device.md.

import { loadAndCompile, Tensor } from "@litertjs/core";
import { END, PAD, START, Tokenizer, UNKNOWN } from "./tokenizer.js";

export class Translator {
  /** Load a file; the archive at its end contains the tokenizers. */
  static async load(url) {
    const response = await fetch(url);
    if (!response.ok) throw new Error(`${url}: the server returned HTTP ${response.status}`);
    const content = new Uint8Array(await response.arrayBuffer());
    const files = readArchive(content);
    const model = await loadAndCompile(content, { accelerator: "wasm" });
    return new Translator(model, files);
  }

  constructor(model, files) {
    const settings = JSON.parse(files["translator.json"]);
    const target = settings.joint_vocabulary ? "source" : "target";
    for (const side of ["source", target])
      if (!files[`${side}.vocabulary.txt`])
        throw new Error(`the ${side} has a subword tokenizer, which translator.js does not support`);
    this.model = model;
    this.manifest = JSON.parse(files["manifest.json"]);
    this.source = new Tokenizer(files["source.vocabulary.txt"], settings, "source");
    this.target = new Tokenizer(files[`${target}.vocabulary.txt`], settings, "target");
    this.replacesUnknown = settings.replace_unknown ?? false;
  }

  /** Return the output of greedy search: { text, score }. */
  async translate(text) {
    const source = this.read(text);
    const { tokens, alignment, score } = await this.run("greedy", { source });
    return { text: this.write([...tokens], alignment, text), score: score[0] };
  }

  /** Yield the text so far after each token. */
  async *stream(text) {
    const source = this.read(text);
    const encoded = Object.entries(await this.run("encode", { source }));
    const memory = Object.fromEntries(encoded.filter(([name]) => !name.startsWith("state_")));
    let state = Object.fromEntries(encoded.filter(([name]) => name.startsWith("state_")));
    let token = START;
    const tokens = [];
    const weights = [];
    for (let step = 0; step < this.manifest.max_length && this.source.cut(text).length; step++) {
      const inputs = { token: Int32Array.of(token), source, ...memory, ...state };
      const { log_probabilities, alignment, ...next } = await this.run("decode_step", inputs);
      token = log_probabilities.indexOf(Math.max(...log_probabilities));
      if (token === END) return;
      tokens.push(token);
      weights.push(...alignment);
      state = next;
      yield this.write(tokens, weights, text);
    }
  }

  /** Return the text of ids; if the model says so, replace each `<unk>` by a source token. */
  write(ids, weights, text) {
    const words = this.source.cut(text);
    const limit = this.manifest.max_source_length - this.source.features.length;
    const tokens = ids.map((id, step) => {
      if (id !== UNKNOWN || !this.replacesUnknown) return this.target.tokens[id];
      const row = [...weights.slice(step * limit, step * limit + words.length)];
      const largest = Math.max(0, ...row);
      return largest > 0 ? words[row.indexOf(largest)] : this.target.tokens[id];
    });
    return this.target.join(ids, tokens);
  }

  /** Return the ids of a text, padded to the fixed length of the file's inputs. */
  read(text) {
    const ids = this.source.encode(text);
    const limit = this.manifest.max_source_length;
    if (ids.length > limit) {
      throw new RangeError(`expected at most ${limit} tokens with </s>. Received: ${ids.length}.`);
    }
    return Int32Array.from({ length: limit }, (_, place) => ids[place] ?? PAD);
  }

  /** Run a signature on named arrays, and delete every Tensor, as LiteRT.js requires. */
  async run(signature, arrays) {
    const inputs = {};
    for (const { name, shape } of this.model.signatures[signature].getInputDetails())
      inputs[name] = new Tensor(arrays[name], [...shape]);
    const outputs = await this.model.run(signature, inputs);
    const found = {};
    for (const [name, tensor] of Object.entries(outputs)) {
      found[name] = (await tensor.data()).slice();
      tensor.delete();
    }
    Object.values(inputs).forEach((tensor) => tensor.delete());
    return found;
  }
}

/** Return the files of the zip archive at the end, which are stored without compression. */
function readArchive(content) {
  const view = new DataView(content.buffer, content.byteOffset, content.byteLength);
  const text = (start, size) => new TextDecoder().decode(content.subarray(start, start + size));
  let end = content.length - 22;
  while (end >= 0 && view.getUint32(end, true) !== 0x06054b50) end--;
  if (end < 0) throw new Error("expected a TFLite file that keras-attention exported");
  let entry = view.getUint32(end + 16, true);
  const files = {};
  for (let left = view.getUint16(end + 10, true); left; left--) {
    const [size, name, extra, comment] = [24, 28, 30, 32].map((place) =>
      place === 24 ? view.getUint32(entry + place, true) : view.getUint16(entry + place, true));
    const header = view.getUint32(entry + 42, true);
    const start = header + 30 + view.getUint16(header + 26, true) + view.getUint16(header + 28, true);
    files[text(entry + 46, name)] = text(start, size);
    entry += 46 + name + extra + comment;
  }
  return files;
}
