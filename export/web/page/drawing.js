// The parts of the page that show tokens and weights.

export const FAINT = 0.01; // smaller weights are not written

export function make(tag, attributes = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
  node.append(...children);
  return node;
}

const INVISIBLE = /[\p{C}\p{Z}\u034f\u115f\u1160\u17b4\u17b5\u2800\u3164\uffa0\ufe00-\ufe0f]/u;
const MARK = /^[\p{M}\u1160-\u11ff]/u; // it combines with the character before it

const JAMO = /[\u1100-\u11ff]+/gu; // what Hangul syllables decompose into
const LETTERS = [
  [0x1100, "ㄱㄲㄴㄷㄸㄹㅁㅂㅃㅅㅆㅇㅈㅉㅊㅋㅌㅍㅎ"],
  [0x1161, "ㅏㅐㅑㅒㅓㅔㅕㅖㅗㅘㅙㅚㅛㅜㅝㅞㅟㅠㅡㅢㅣ"],
  [0x11a8, "ㄱㄲㄳㄴㄵㄶㄷㄹㄺㄻㄼㄽㄾㄿㅀㅁㅂㅄㅅㅆㅇㅈㅊㅋㅌㅍㅎ"],
];

/** Return the letter that shows a jamo on its own; fonts draw the jamo on a dotted circle. */
function letter(jamo) {
  for (const [first, letters] of LETTERS) {
    const found = letters[jamo.codePointAt(0) - first];
    if (found) return found;
  }
  return jamo;
}

/** Return a token in which every character can be seen, as visible_text.py does. */
export function visible(token) {
  const escaped = (point) =>
    INVISIBLE.test(point) ? `\\u${point.codePointAt(0).toString(16).padStart(4, "0")}` : point;
  const composed = token.replace(JAMO, (run) => [...run.normalize("NFC")].map(letter).join(""));
  const shown = [...composed].map((point) => (point === " " ? "␣" : escaped(point))).join("");
  return MARK.test(shown) ? `◌${shown}` : shown;
}

export const spoken = (token) => (token === " " ? "space" : token === "</s>" ? "end" : visible(token));
export const whole = (share) => `${Math.round(100 * share)}\u00a0%`;

/** Return a share with one decimal; 100 % and 0 % are only written if they are exact. */
export function precise(share) {
  if (share < 1 && share >= 0.9995) return ">\u00a099.9\u00a0%";
  if (share > 0 && share < 0.0005) return "<\u00a00.1\u00a0%";
  return `${(100 * share).toFixed(1)}\u00a0%`;
}

/** Return a bar for a share from 0 to 1. */
export function bar(share) {
  const node = make("span", { class: "bar", "aria-hidden": "true" });
  node.style.setProperty("--share", share);
  return node;
}

/** Return a token with a small text below it. */
export function chip(token, below, attributes = {}) {
  const small = make("small", { "aria-hidden": "true", dir: "ltr" }, below);
  return make("span", { class: "token", ...attributes }, make("bdi", {}, visible(token)), small);
}

/** Draw the head of the table: a column for each source token. */
export function drawHead(table, tokens) {
  const cells = tokens.map((token) => {
    const cell = make(
      "th",
      { scope: "col", "aria-label": spoken(token) },
      make("bdi", {}, visible(token)),
    );
    cell.classList.toggle("long", [...visible(token)].length > 2);
    return cell;
  });
  table.style.setProperty("--columns", tokens.length);
  table.replaceChildren(make("thead", {}, make("tr", {}, make("td"), ...cells)), make("tbody"));
}

/** Add a row of weights for an output token. */
export function addRow(table, token, weights) {
  const name = make(
    "th",
    { scope: "row", "aria-label": spoken(token) },
    make("bdi", {}, visible(token)),
  );
  const cells = weights.map((weight) => {
    const cell = make("td", {}, weight < FAINT ? "" : String(Math.round(100 * weight)));
    cell.style.setProperty("--share", weight);
    return cell;
  });
  table.tBodies[0].append(make("tr", {}, name, ...cells));
}

/** Colour the source tokens by their weights, and write the weights below them. */
export function light(tokens, weights) {
  for (const [place, token] of [...tokens.children].entries()) {
    const weight = weights[place] ?? 0;
    token.style.setProperty("--share", weight);
    token.lastChild.textContent = weight < FAINT ? "" : whole(weight);
  }
}
