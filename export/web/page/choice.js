// The choice of the next token, with the same constraints as export/device/device_choice.py.

import { END } from "./tokenizer.js";

const IMPOSSIBLE = -1e9;
const NO_PROBABILITY = -300;

/**
 * Return the id of the most probable token that may follow.
 *
 * @param {Float32Array} logProbabilities log-probability of each token.
 * @param {number[]} generated ids of the tokens so far.
 * @param {object} settings the search settings in translator.json.
 * @param {function(number): boolean} allowed whether a token may follow, if the outputs are limited.
 */
export function chooseNext(logProbabilities, generated, settings, allowed = () => true) {
  const {
    repetition_penalty: penalty = 1,
    no_repeat_ngram: size = 0,
    min_length: least = 0,
  } = settings;
  const adjusted = logProbabilities.slice();
  if (penalty !== 1) for (const id of new Set(generated)) adjusted[id] *= Math.fround(penalty);
  if (size) for (const id of repeatedEndings(generated, size)) adjusted[id] = IMPOSSIBLE;
  if (generated.length + 1 < least) {
    adjusted[END] = IMPOSSIBLE;
    if (size && !adjusted.some((value) => value > IMPOSSIBLE / 2)) return END;
  }
  adjusted.forEach((_, id) => allowed(id) || (adjusted[id] = IMPOSSIBLE));
  const likely = (value, id) => value > IMPOSSIBLE / 2 && possible(logProbabilities[id]);
  if (adjusted.some(likely))
    adjusted.forEach((value, id) => likely(value, id) || (adjusted[id] = IMPOSSIBLE));
  return adjusted.indexOf(adjusted.reduce((one, other) => Math.max(one, other)));
}

/** Return the `count` most probable tokens that may follow, best first: { id, logProbability }. */
export function mostProbable(logProbabilities, count, allowed = () => true) {
  return Array.from(logProbabilities, (logProbability, id) => ({ id, logProbability }))
    .filter(({ id, logProbability }) => possible(logProbability) && allowed(id))
    .sort((one, other) => other.logProbability - one.logProbability)
    .slice(0, count);
}

/** A token that the model never generates has a log-probability of about -1e9; with a sparse mapping, -300. */
const possible = (logProbability) => logProbability > NO_PROBABILITY / 2;

/** Return the tokens that would complete an n-gram that was generated before. */
function repeatedEndings(generated, size) {
  const last = generated.slice(Math.max(0, generated.length - size + 1)).join();
  return generated.filter(
    (_, end) => end >= size - 1 && generated.slice(end - size + 1, end).join() === last,
  );
}
