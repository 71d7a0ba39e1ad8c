// Run a TFLite file of keras-attention in a browser with LiteRT.js: greedy search, at once or token
// by token, and beam search. The model must have character or word tokenizers; subword models
// require a sentencepiece library, see docs/how-to/device.md.

import { loadAndCompile, Tensor } from "@litertjs/core";
import { decode, readArchive } from "./archive.js";
import { Automaton, FIRST } from "./automaton.js";
import { chooseNext, mostProbable } from "./choice.js";
import { choice, END, fileOf, flag, PAD, START, Tokenizer, UNKNOWN } from "./tokenizer.js";

const LEAST_SCORE = -5e8; // a lower score marks an empty place among the hypotheses
const LARGEST_MEAN = -1e-6; // of log-probabilities; see keras_attention/decoding/confidence.py
const OUTPUTS = "outputs.npz"; // the file of a limit on the outputs
const ALTERNATIVES = 5; // tokens that `stream` reports for each step

export class Translator {
  /** Load a file; the archive at its end contains the tokenizers. */
  static async load(url) {
    const response = await fetch(url);
    if (!response.ok) throw new Error(`${url}: the server returned HTTP ${response.status}`);
    const content = new Uint8Array(await response.arrayBuffer());
    const archive = readArchive(content);
    const { [OUTPUTS]: outputs, ...others } = archive;
    const texts = Object.entries(others).map(([name, { bytes }]) => [name, decode(bytes)]);
    const automaton = outputs && (await Automaton.load(outputs.bytes));
    const model = await loadAndCompile(content, { accelerator: "wasm" });
    return new Translator(model, Object.fromEntries(texts), automaton);
  }

  constructor(model, files, automaton) {
    this.automaton = automaton; // of the allowed outputs; undefined if all are allowed
    const settings = readJson(files, "translator.json");
    const stored = flag(settings, "joint_vocabulary") ? "source" : "target";
    this.model = model;
    this.settings = settings;
    this.manifest = readJson(files, "manifest.json");
    this.confidence = { temperature: 1, threshold: null, ...this.manifest.confidence };
    this.source = new Tokenizer(files, settings, "source");
    this.target = new Tokenizer(files, settings, "target", stored);
  }

  /** Return the hypothesis of greedy search. */
  async translate(text) {
    const { tokens, alignment, score } = await this.run("greedy", { source: this.read(text) });
    return this.hypothesis([...tokens], score[0], alignment, text);
  }

  /** Return the hypotheses of beam search with the file's own beam width, best first. */
  async search(text) {
    const { tokens, alignment, score } = await this.run("beam", { source: this.read(text) });
    const [steps, weights] = [tokens.length / score.length, alignment.length / score.length];
    return [...score]
      .map((value, place) => {
        const ids = [...tokens.slice(place * steps, (place + 1) * steps)];
        const shares = alignment.slice(place * weights, (place + 1) * weights);
        return LEAST_SCORE < value && this.hypothesis(ids, value, shares, text);
      })
      .filter(Boolean);
  }

  /**
   * Search greedily, and yield after each token:
   *
   *   id, logProbability   the token, `</s>` at the end
   *   alternatives         the most probable tokens of this step: [{ id, logProbability }]
   *   soFar                the hypothesis so far
   *
   * @param {string} text the source.
   * @param {number[]} prefix ids that the output must begin with.
   */
  async *stream(text, prefix = []) {
    const source = this.read(text);
    const encoded = Object.entries(await this.run("encode", { source }));
    const memory = Object.fromEntries(encoded.filter(([name]) => !name.startsWith("state_")));
    let state = Object.fromEntries(encoded.filter(([name]) => name.startsWith("state_")));
    let [id, score, node] = [START, 0, FIRST];
    const [ids, weights] = [[], []];
    while (id !== END && ids.length < this.manifest.max_length && this.source.cut(text).length) {
      const inputs = { token: Int32Array.of(id), source, ...memory, ...state };
      const { log_probabilities, alignment, ...next } = await this.run("decode_step", inputs);
      const possible = this.automaton?.possible(node, this.manifest.max_length - ids.length);
      id = prefix[ids.length] ?? chooseNext(log_probabilities, ids, this.settings, possible);
      node = this.automaton?.follow(node, id);
      const logProbability = log_probabilities[id];
      const alternatives = mostProbable(log_probabilities, ALTERNATIVES, possible);
      score += logProbability;
      ids.push(id);
      weights.push(...alignment);
      state = next;
      yield { id, logProbability, alternatives, soFar: this.hypothesis(ids, score, weights, text) };
    }
  }

  /**
   * Return one output of a search:
   *
   *   text, score        the output and the sum of its log-probabilities
   *   ids, tokens        up to `</s>`, which is included
   *   alignment          for each token its weights over the source tokens and `</s>`
   *   confidence         in [0, 1]; see keras_attention/decoding/confidence.py
   *   check              whether the confidence is below the model's threshold
   *
   * With the setting `replace_unknown`, each `<unk>` is replaced by the source token with the
   * largest weight.
   */
  hypothesis(padded, score, weights, text) {
    const words = this.source.cut(text);
    const limit = this.manifest.max_source_length - this.source.features.length;
    const end = padded.indexOf(END);
    const ids = padded.slice(0, end < 0 ? padded.length : end + 1).filter((id) => id !== PAD);
    const row = (step) => [...weights.slice(step * limit, step * limit + words.length + 1)];
    const alignment = ids.map((_, step) => row(step));
    const tokens = ids.map((id, step) => {
      if (id !== UNKNOWN || !this.settings.replace_unknown) return this.target.tokens[id];
      const shares = alignment[step].slice(0, words.length);
      const largest = Math.max(0, ...shares);
      return largest > 0 ? words[shares.indexOf(largest)] : this.target.tokens[id];
    });
    const { temperature, threshold } = this.confidence;
    const mean = Math.min(score / Math.max(1, ids.length), LARGEST_MEAN);
    const confidence = Math.exp(mean / temperature);
    const check = threshold !== null && confidence < threshold;
    return { text: this.target.join(ids, tokens), score, ids, tokens, alignment, confidence, check };
  }

  /** Return the ids of a text, padded to the declared length because LiteRT.js cannot resize inputs. */
  read(text) {
    const ids = this.source.encode(text);
    const limit = this.manifest.max_source_length;
    if (ids.length > limit) {
      throw new RangeError(`expected at most ${limit} tokens including </s>. Received: ${ids.length}.`);
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

/** Return the object in a JSON file of the archive. */
function readJson(files, name) {
  const values = JSON.parse(fileOf(files, name));
  choice(values, "format", 1);
  return values;
}
