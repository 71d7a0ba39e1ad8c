// The page: it reads the source, runs the model step by step, and shows what the model does.

import {
  addRow,
  bar,
  chip,
  drawHead,
  FAINT,
  light,
  make,
  precise,
  spoken,
  visible,
  whole,
} from "./drawing.js";
import { END } from "./tokenizer.js";

const PACE = matchMedia("(prefers-reduced-motion: reduce)").matches ? 0 : 45; // milliseconds per token
const TYPING = 300; // milliseconds without a key after which a source is translated
const UNSURE = 0.5; // less probable tokens are marked
const LISTED = 4; // source tokens in the summary of a step

const at = Object.fromEntries([...document.querySelectorAll("[id]")].map((node) => [node.id, node]));
let translator; // undefined while it loads
let latest = 0; // number of the newest request; older ones stop
let ended = Promise.resolve(); // the model runs one step at a time, so a request waits for the previous one
let typing; // timer
let steps = []; // of the output on the page
let selected = 0; // index of the step whose details are shown
let found = { text: null, hypotheses: [] }; // by beam search

const pause = (milliseconds) => new Promise((done) => setTimeout(done, milliseconds));
const quoted = (token) => `‘${visible(token)}’`;
const several = (count, noun) => `${count} ${noun}${count === 1 ? "" : "s"}`;

// Requests

/** Return the source, with the tags of its features. */
function readSource() {
  const tags = [...at.features.querySelectorAll("select")].map(
    ({ name, value }) => `<${name}=${value}>`,
  );
  return tags.length ? `${tags.join("")} ${at.source.value}` : at.source.value;
}

/** Translate the source, with an output that begins with a prefix of ids. */
function request(prefix = []) {
  clearTimeout(typing);
  const entry = ++latest;
  if (!translator) return;
  at.result.ariaBusy = "true";
  ended = ended
    .then(() => answer(entry, readSource(), prefix))
    .finally(() => {
      if (entry === latest) at.result.ariaBusy = "false";
    });
}

async function answer(entry, text, prefix) {
  const outdated = () => entry !== latest;
  if (outdated()) return;
  try {
    history.replaceState(null, "", `#${encodeURIComponent(at.source.value)}`);
    if (!translator.source.cut(text).length)
      return hide("Type a source: the output appears as you type.", false);
    if (isTooLong(text)) return;
    say("Translating …");
    let count = 0;
    for await (const step of translator.stream(text, prefix)) {
      if (outdated()) return;
      if (!count) clear(text);
      addStep(step, count++ < prefix.length);
      await pause(PACE);
    }
    if (outdated()) return;
    finish(text, prefix);
    if (found.text !== text) {
      found = { text, hypotheses: await translator.search(text) };
      at.outputs.replaceChildren(...found.hypotheses.map(drawOutput));
    }
    if (!outdated()) markOutput();
  } catch (error) {
    if (!outdated()) hide(`This source cannot be translated: ${error.message}`);
  }
}

/** Return whether a source has more tokens than the model reads; if so, show a message. */
function isTooLong(text) {
  const [size, limit] = [translator.source.encode(text).length, translator.manifest.max_source_length];
  if (size <= limit) return false;
  hide(
    `The source is too long: it has ${size} tokens with its end mark, and this page reads at most ${limit}.`,
  );
  return true;
}

// The output

/** Show a sentence instead of an output. */
function hide(sentence, problem = true) {
  at.result.hidden = true;
  at.spoken.textContent = "";
  say(sentence, problem);
}

function say(sentence, problem = false) {
  at.status.textContent = sentence;
  at.status.classList.toggle("problem", problem);
}

/** Empty the page for the output of a source. */
function clear(text) {
  steps = [];
  selected = 0;
  for (const id of ["chosen", "alternatives", "summary", "text", "spoken"]) at[id].replaceChildren();
  at.check.hidden = at.reset.hidden = true;
  if (found.text !== text) at.others.hidden = true;
  const tokens = [...translator.source.cut(text), "</s>"];
  const unknown = new Set(translator.source.unknown(text));
  at.sources.replaceChildren(
    ...tokens.map((token) => chip(token, "", unknown.has(token) ? { class: "token unknown" } : {})),
  );
  drawHead(at.matrix, tokens);
  at.sources.dir = at.matrix.dir = getComputedStyle(at.source).direction;
  at.result.hidden = false;
}

function addStep(step, forced) {
  const { soFar, logProbability } = step;
  const token = soFar.tokens.at(-1);
  const weights = soFar.alignment.at(-1);
  const share = Math.exp(logProbability);
  const name = `${spoken(token)}, ${whole(share)}`;
  const option = chip(token, whole(share), {
    role: "option",
    "aria-label": name,
    tabindex: steps.length ? -1 : 0,
  });
  option.classList.toggle("unsure", share < UNSURE);
  option.classList.toggle("forced", forced);
  steps.push({ ...step, token, weights });
  at.chosen.append(option);
  addRow(at.matrix, token, weights);
  at.text.textContent = soFar.text;
  at.chosen.dir = getComputedStyle(at.text).direction;
  writeConfidence(soFar);
  show(steps.length - 1);
}

function writeConfidence({ confidence, score, ids }) {
  const { threshold } = translator.confidence;
  const minimum = threshold === null ? "" : `, minimum ${precise(threshold)}`;
  const value = String(score.toFixed(4)).replace("-", "\u2212");
  at.confidence.querySelector(".bar").style.setProperty("--share", confidence);
  at.confidence.dataset.confidence = confidence;
  at.figures.textContent = `Confidence ${precise(confidence)}${minimum} · log-probability ${value} · ${several(ids.length, "token")}`;
}

/** Show the end of an output, and select the token that the model was least sure about. */
function finish(text, prefix) {
  const { soFar, id } = steps.at(-1);
  at.check.hidden = !soFar.check;
  at.check.textContent =
    `Below this model’s minimum confidence of ${precise(translator.confidence.threshold ?? 0)}: ` +
    "let a person check this output.";
  at.reset.hidden = !prefix.length;
  say([...remarks(text), ...(id === END ? [] : [limitReached()])].join(" "));
  const words = at.check.hidden ? "" : ` ${at.check.textContent}`;
  at.spoken.textContent = `Output: ${soFar.text || "empty"}. Confidence ${precise(soFar.confidence)}.${words}`;
  const sure = steps.map(({ logProbability }) => logProbability);
  const own = prefix.length < sure.length ? sure.slice(prefix.length) : sure;
  select(sure.indexOf(Math.min(...own), sure.length - own.length));
  // The button of an alternative had the focus, and has been removed.
  if (prefix.length && document.activeElement === document.body)
    at.chosen.children[selected].focus({ preventScroll: true });
}

const limitReached = () =>
  `The output ends at this model’s limit of ${several(translator.manifest.max_length, "token")}.`;

function remarks(text) {
  const unknown = translator.source.unknown(text);
  if (!unknown.length) return [];
  const them = unknown.length === 1 ? "it" : "each of them";
  return [`This model does not know ${unknown.map(quoted).join(", ")}: it reads ${them} as <unk>.`];
}

// The details of one token

/** Show the weights and the alternatives of a step. */
function show(step) {
  const { weights } = steps[step];
  light(at.sources, weights);
  scrollTo(at.matrix.tHead.rows[0].cells[1 + weights.indexOf(Math.max(...weights))]);
  for (const [place, row] of [...at.matrix.tBodies[0].rows].entries())
    row.classList.toggle("chosen", place === step);
  for (const [place, option] of [...at.chosen.children].entries())
    option.classList.toggle("chosen", place === step);
  drawAlternatives(step);
}

/** Scroll the table to a column that is out of sight; do not scroll the page. */
function scrollTo(column) {
  const view = at.matrix.parentNode;
  const [inner, outer] = [column, view].map((node) => node.getBoundingClientRect());
  if (inner.left < outer.left + 64 || inner.right > outer.right)
    view.scrollLeft += inner.left - outer.left - outer.width / 2;
}

/** Show a step until another one is selected. */
function select(step) {
  selected = step;
  for (const [place, option] of [...at.chosen.children].entries()) {
    option.setAttribute("aria-selected", place === step);
    option.tabIndex = place === step ? 0 : -1;
  }
  show(step);
  at.summary.textContent = describe(steps[step]);
}

/** Return a sentence such as: ‘2’ attends to ‘6’ 61 %, ‘1’ 20 %. */
function describe({ token, weights }) {
  const names = [...at.sources.children].map((each) => each.firstChild.textContent);
  const ranked = weights
    .map((weight, place) => ({ weight, name: names[place] }))
    .filter(({ weight }) => weight >= FAINT)
    .sort((one, other) => other.weight - one.weight);
  const parts = ranked.slice(0, LISTED).map(({ weight, name }) => `‘${name}’ ${whole(weight)}`);
  return `${quoted(token)} attends to ${parts.join(", ") || "nothing"}.`;
}

function drawAlternatives(step) {
  const { id, token, logProbability, alternatives } = steps[step];
  const listed = alternatives.some((each) => each.id === id)
    ? alternatives
    : [...alternatives, { id, logProbability }];
  at["alternatives-heading"].textContent = `Token ${step + 1}: ${quoted(token)}`;
  at.hint.textContent =
    listed.length > 1
      ? "The most probable tokens here. Choose another one to continue from it."
      : "Only this token is possible here.";
  at.alternatives.replaceChildren(
    ...listed.map((each) => drawAlternative(step, each, each.id === id ? token : null)),
  );
}

/** Return the button that continues the output from another token. */
function drawAlternative(step, { id, logProbability }, shown) {
  const share = Math.exp(logProbability);
  const token = shown ?? translator.target.tokens[id];
  const name = `${spoken(token)}, ${precise(share)}`;
  const button = make(
    "button",
    { type: "button", "aria-label": name },
    make("bdi", {}, visible(token)),
    bar(share),
  );
  button.append(make("span", { class: "figure" }, precise(share)));
  if (shown !== null) button.setAttribute("aria-current", "true");
  button.onclick = () => request([...steps.slice(0, step).map((each) => each.id), id]);
  return make("li", {}, button);
}

// The outputs of beam search

/** Show which output is on the page. */
function markOutput() {
  const { hypotheses } = found;
  const now = String(steps.map(({ id }) => id));
  at.others.hidden = !hypotheses.length;
  at.width.textContent = `The ${several(hypotheses.length, "best output")} of beam search. Choose one to look at it.`;
  for (const [place, { firstChild }] of [...at.outputs.children].entries())
    firstChild.setAttribute("aria-current", String(hypotheses[place].ids) === now);
}

function drawOutput({ text, confidence, ids, check }) {
  const figure = make("span", { class: "figure" }, precise(confidence), check ? " (check)" : "");
  const button = make(
    "button",
    { type: "button" },
    make("bdi", { lang: "" }, text || "(empty)"),
    bar(confidence),
    figure,
  );
  button.onclick = () => request(ids);
  return make("li", {}, button);
}

// Events

at.form.onsubmit = (event) => {
  event.preventDefault();
  request();
};
at.source.onkeydown = (event) => {
  if (event.key !== "Enter" || event.isComposing) return;
  event.preventDefault();
  request();
};
at.source.oninput = () => {
  if (/[\r\n]/.test(at.source.value)) at.source.value = at.source.value.replace(/[\r\n]+/g, " ");
  clearTimeout(typing);
  latest++; // stop the output of the previous source
  typing = setTimeout(request, TYPING);
};
at.features.onchange = () => request();
at.reset.onclick = () => request();
at.chosen.onkeydown = (event) => {
  if (event.ctrlKey || event.altKey || event.metaKey) return;
  const forward = getComputedStyle(at.text).direction === "rtl" ? -1 : 1;
  const moves = {
    ArrowLeft: selected - forward,
    ArrowRight: selected + forward,
    Home: 0,
    End: steps.length - 1,
  };
  const option = at.chosen.children[moves[event.key]];
  if (!option) return;
  event.preventDefault();
  select(moves[event.key]);
  option.focus();
};
const stepAt = (node) => {
  const place = node.closest("#chosen .token, #matrix tbody tr");
  return place ? [...place.parentNode.children].indexOf(place) : -1;
};
for (const part of [at.chosen, at.matrix]) {
  part.addEventListener("click", ({ target }) => stepAt(target) >= 0 && select(stepAt(target)));
  part.addEventListener("pointerover", ({ target }) => stepAt(target) >= 0 && show(stepAt(target)));
  part.addEventListener("pointerleave", () => steps.length && show(selected));
}

// Start

function drawFeatures() {
  for (const [name, values] of translator.source.features) {
    const select = make("select", { name }, ...values.map((value) => make("option", {}, value)));
    at.features.append(make("label", {}, `${name} `, select));
  }
  at.features.hidden = !translator.source.features.length;
}

function drawExamples(examples) {
  for (const example of examples) {
    const button = make("button", { type: "button", lang: "" }, example);
    button.onclick = () => {
      at.source.value = example;
      request();
    };
    at.examples.append(" ", button);
  }
  at.examples.hidden = !examples.length;
  if (!at.source.value) at.source.value = textInAddress() || (examples[0] ?? "");
}

function textInAddress() {
  try {
    return decodeURIComponent(location.hash.slice(1));
  } catch {
    return ""; // not made by this page
  }
}

try {
  if (!globalThis.WebAssembly) throw new Error("this browser does not support WebAssembly");
  const response = await fetch("./page.json");
  if (!response.ok) throw new Error(`page.json: the server returned HTTP ${response.status}`);
  const { examples, model } = await response.json();
  drawExamples(examples);
  const { loadLiteRt } = await import("@litertjs/core");
  const { Translator } = await import("./translator.js");
  await loadLiteRt("./litert/core/wasm/");
  translator = window.translator = await Translator.load(`./${model}`);
  drawFeatures();
  request();
} catch (error) {
  hide(`The model cannot be loaded: ${error.message}.`);
}
