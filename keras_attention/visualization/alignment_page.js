
const PAGE = 15; // sentences on one page of the list
const FAINT = 10; // in per mille; weights below this are not highlighted
const WEAK = 50; // in per mille; weights below this are not listed, except the largest
const MOST_LISTED = 5; // tokens in the summary
const LARGE = 4000; // cells; larger tables take a second to draw, so they start folded
const WHAT = "weights in per cent, with a row per output token and a column per source token";

const { sentences } = JSON.parse(document.getElementById("data").textContent);
const ids = "filter count list earlier later heading previous next view summary".split(" ");
const at = Object.fromEntries(ids.map((id) => [id, document.getElementById(id)]));
const many = sentences.length > 1;
const open = new Set([0]); // hypotheses whose tables are unfolded
let current = 0; // index of the sentence shown
let found = sentences.map((_, index) => index); // indices of the sentences that match the filter
let first = 0; // position in `found` of the first sentence in the list
let lastRow = 0; // the hypothesis that last had the focus

function make(tag, attributes = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
  node.append(...children);
  return node;
}

const percent = (share) => `${Math.round(share / 10)}\u00a0%`;
const spoken = (token) => (token === "␣" ? "space" : token);
const hasAttention = ({ weights }) => weights.some((row) => row.some(Boolean));
const tokensOf = (row) =>
  row === "source" ? sentences[current].tokens : sentences[current].hypotheses[row].tokens;
const tokenAt = (row, index) =>
  at.view.querySelector(`.token[data-row="${row}"][data-index="${index}"]`);

// Drawing

function drawSentence() {
  const { source, tokens, hypotheses } = sentences[current];
  at.heading.textContent = many ? `Sentence ${current + 1} of ${sentences.length}` : "Sentence";
  const text = make("p", { class: "text", dir: "auto", lang: "" }, source || "(empty)");
  const above = make("section", { id: "source", "aria-label": "Source" }, text);
  const beside = make("div", { id: "hypotheses" });
  at.view.replaceChildren(above, beside);
  const direction = getComputedStyle(text).direction;
  above.append(tokenRow("source", tokens, "Source tokens", direction));
  for (const [row, hypothesis] of hypotheses.entries()) {
    const name = hypotheses.length > 1 ? `Hypothesis ${row + 1}` : "Output";
    beside.append(drawHypothesis(row, hypothesis, name, direction));
  }
  lastRow = 0;
}

function drawHypothesis(row, hypothesis, name, direction) {
  const { text, score, tokens } = hypothesis;
  const value = score === null ? "unknown" : String(score).replace("-", "\u2212");
  const heading = make("h3", {}, `${name} `, make("span", {}, `log-probability ${value}`));
  const output = make("p", { class: "text", dir: "auto", lang: "" }, text || "(empty)");
  const card = make("section", { class: "hypothesis", "aria-label": name }, heading, output);
  at.view.append(card); // attached, so that the browser determines the direction of the output
  if (!tokens.length) card.append(make("p", {}, "The output has no tokens."));
  else card.append(tokenRow(row, tokens, `${name}, tokens`, getComputedStyle(output).direction));
  if (hasAttention(hypothesis)) card.append(foldedTable(row, hypothesis, name, direction));
  else if (tokens.length) card.append(make("p", {}, "No attention: every weight is 0."));
  return card;
}

function tokenRow(row, tokens, name, dir) {
  const role = { role: "listbox", "aria-label": name, "aria-orientation": "horizontal" };
  const list = make("div", { ...role, class: "tokens", dir, lang: "" });
  for (const [index, token] of tokens.entries()) {
    const place = { "data-row": row, "data-index": index, tabindex: index ? -1 : 0 };
    const option = { role: "option", "aria-label": spoken(token), "aria-selected": false };
    const share = make("small", { "aria-hidden": true, dir: "ltr" });
    list.append(make("span", { class: "token", ...option, ...place }, make("bdi", {}, token), share));
  }
  return tokens.length ? list : make("p", {}, "The source has no tokens.");
}

function foldedTable(row, hypothesis, name, dir) {
  const folded = make("details", {}, make("summary", {}, "Weights as a table"));
  const unfold = () => {
    if (!folded.open || folded.querySelector("table")) return;
    const region = { class: "matrix", role: "region", "aria-label": `${name}, weights`, tabindex: 0 };
    const table = drawTable(row, hypothesis, dir);
    table.setAttribute("aria-label", `${name}: ${WHAT}`);
    folded.append(make("p", { class: "what" }, WHAT), make("div", region, table));
  };
  folded.open = open.has(row) && hypothesis.weights.flat().length < LARGE;
  unfold();
  folded.ontoggle = () => {
    open[folded.open ? "add" : "delete"](row);
    unfold();
  };
  return folded;
}

function drawTable(row, { tokens, weights }, dir) {
  const header = (token, scope, place) =>
    make("th", { scope, "aria-label": spoken(token), ...place }, make("bdi", {}, token));
  const across = sentences[current].tokens.map((token, index) => {
    const cell = header(token, "col", { "data-row": "source", "data-index": index });
    cell.classList.toggle("long", [...token].length > 2);
    return cell;
  });
  const down = tokens.map((token, index) => {
    const place = { "data-row": row, "data-index": index };
    return make("tr", place, header(token, "row"), ...weights[index].map(drawCell));
  });
  const top = make("tr", {}, make("td"), ...across);
  return make("table", { dir, lang: "" }, make("thead", {}, top), make("tbody", {}, ...down));
}

function drawCell(share) {
  const cell = make("td", {}, String(Math.round(share / 10)));
  cell.classList.toggle("zero", share < FAINT);
  cell.style.setProperty("--share", share / 1000);
  return cell;
}

function drawList() {
  const rows = found.slice(first, first + PAGE).map((index) => {
    const { source } = sentences[index];
    const place = { "data-sentence": index, tabindex: index === current ? 0 : -1 };
    const number = make("span", {}, String(index + 1));
    const button = make("button", { type: "button", ...place }, number, make("bdi", {}, source || "(empty)"));
    if (index === current) button.setAttribute("aria-current", "true");
    return make("li", {}, button);
  });
  const kept = at.list.contains(document.activeElement);
  at.list.replaceChildren(...rows);
  const entry = at.list.querySelector("[aria-current]") ?? at.list.querySelector("button");
  if (entry) entry.tabIndex = 0;
  if (kept) entry?.focus();
  const last = Math.min(first + PAGE, found.length);
  const range = `${first + 1} to ${last} of ${found.length}`;
  at.count.textContent = found.length ? range : "No sentence matches the filter.";
  const place = found.indexOf(current);
  able(at.earlier, first > 0);
  able(at.later, last < found.length);
  able(at.previous, place > 0);
  able(at.next, found.length > 0 && place < found.length - 1);
}

// Not `disabled`: a disabled button loses the focus, and keys no longer reach it.
const able = (button, yes) => button.setAttribute("aria-disabled", !yes);

// Highlighting

/** Return the links of a token: a list for each hypothesis, largest weight first. */
function linksOf(row, index) {
  const { hypotheses } = sentences[current];
  if (row !== "source") return [ranked("source", hypotheses[row].weights[index])];
  return hypotheses.map(({ weights }, other) => ranked(other, weights.map((shares) => shares[index])));
}

const ranked = (row, shares) =>
  shares
    .map((share, index) => ({ row, index, share }))
    .filter(({ share }) => share >= FAINT)
    .sort((one, other) => other.share - one.share);

function light(row, index) {
  darken();
  for (const node of at.view.querySelectorAll(`[data-row="${row}"][data-index="${index}"]`)) {
    node.classList.add("chosen");
  }
  const links = linksOf(row, index);
  for (const { row, index, share } of links.flat()) {
    const token = tokenAt(row, index);
    token.classList.add("lit");
    token.style.setProperty("--share", 0.15 + (0.85 * share) / 1000);
    token.setAttribute("aria-description", percent(share));
    token.lastChild.textContent = percent(share);
  }
  if (row !== "source" && links[0].length) showWithin(tokenAt("source", links[0][0].index));
  at.summary.replaceChildren(...describe(row, index, links));
}

function darken() {
  for (const node of at.view.querySelectorAll(".chosen")) node.classList.remove("chosen");
  for (const token of at.view.querySelectorAll(".lit")) {
    token.classList.remove("lit");
    token.style.removeProperty("--share");
    token.removeAttribute("aria-description");
    token.lastChild.textContent = "";
  }
  at.summary.replaceChildren();
}

/** Scroll the row of a token so that the token is visible; do not scroll the page. */
function showWithin(token) {
  const [inner, outer] = [token, token.parentNode].map((node) => node.getBoundingClientRect());
  if (inner.top < outer.top) token.parentNode.scrollTop += inner.top - outer.top - 4;
  if (inner.bottom > outer.bottom) token.parentNode.scrollTop += inner.bottom - outer.bottom + 4;
}

/** Return nodes that read: 'e' #2 attends to 'm' 61 %, 'a' 20 %. */
function describe(row, index, links) {
  const several = links.length > 1;
  const parts = links.map((list, other) => {
    const where = several ? ` in hypothesis ${other + 1}` : "";
    if (row !== "source") return [list.length ? " attends to " : " attends to nothing", ...listing(list)];
    return [list.length ? ` is attended to${where} by ` : ` is not attended to${where}`, ...listing(list)];
  });
  return [...named(row, index), ...parts.flatMap((part, other) => (other ? [";", ...part] : part))];
}

function listing(list) {
  const strongest = list.filter(({ share }, place) => !place || (share >= WEAK && place < MOST_LISTED));
  const nodes = strongest.flatMap(({ row, index, share }, place) => [
    place ? ", " : "", ...named(row, index), ` ${percent(share)}`,
  ]);
  const rest = list.length - strongest.length;
  return rest ? [...nodes, ` and ${rest} with smaller weights`] : nodes;
}

function named(row, index) {
  const tokens = tokensOf(row);
  const token = [...tokens[index]];
  const short = token.length > 24 ? [...token.slice(0, 23), "…"] : token;
  const name = spoken(tokens[index]);
  const nodes = name === tokens[index] ? ["'", make("bdi", { lang: "" }, short.join("")), "'"] : [name];
  return tokens.filter((other) => other === tokens[index]).length > 1 ? [...nodes, ` #${index + 1}`] : nodes;
}

// Navigation

function show(index, { quiet = false } = {}) {
  const row = document.activeElement?.closest(".token")?.dataset.row;
  current = index;
  drawSentence();
  first = Math.max(0, Math.floor(found.indexOf(index) / PAGE) * PAGE);
  drawList();
  at.summary.replaceChildren();
  if (row !== undefined) (tokenAt(row, 0) ?? tokenAt("source", 0))?.focus();
  else if (!quiet) at.summary.textContent = `${at.heading.textContent}: ${sentences[index].source || "(empty)"}`;
}

function go(step) {
  const place = found.indexOf(current);
  const next = found[place < 0 ? 0 : place + step];
  if (next !== undefined && next !== current) show(next);
}

function turn(step) {
  if (first + step < 0 || first + step >= found.length) return;
  first += step;
  drawList();
}

const fold = (text) => text.normalize("NFKC").toLowerCase();
const searched = sentences.map(({ source, hypotheses }) =>
  fold([source, ...hypotheses.map(({ text }) => text)].join("\n")),
);

function filter() {
  const pattern = fold(at.filter.value.trim());
  found = sentences.map((_, index) => index).filter((index) => searched[index].includes(pattern));
  first = 0;
  if (found.length && !found.includes(current)) show(found[0], { quiet: true });
  else {
    first = Math.max(0, Math.floor(found.indexOf(current) / PAGE) * PAGE);
    drawList();
  }
}

/** Return the token to which a key moves the focus from `token`, if there is one. */
function neighbour(token, key) {
  const row = token.dataset.row;
  const index = Number(token.dataset.index);
  const forward = getComputedStyle(token).direction === "rtl" ? -1 : 1;
  const steps = { ArrowLeft: -forward, ArrowRight: forward };
  if (key in steps) return tokenAt(row, index + steps[key]);
  if (key === "Home") return tokenAt(row, 0);
  if (key === "End") return tokenAt(row, tokensOf(row).length - 1);
  const up = key === "ArrowUp" && row !== "source";
  const down = key === "ArrowDown" && row === "source";
  const [strongest] = up ? linksOf(row, index)[0] : down ? (linksOf(row, index)[lastRow] ?? []) : [];
  return strongest && tokenAt(strongest.row, strongest.index);
}

const MOVES = ["ArrowLeft", "ArrowRight", "ArrowUp", "ArrowDown", "Home", "End"];

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.altKey || event.metaKey || event.shiftKey) return;
  const { key, target } = event;
  const token = target.closest(".token");
  const step = { PageUp: -1, PageDown: 1 }[key];
  const along = at.list.contains(target) ? { ArrowUp: -1, ArrowDown: 1 }[key] : undefined;
  if (step && many && !target.closest(".matrix")) go(step);
  else if (along) go(along);
  else if (token && MOVES.includes(key)) neighbour(token, key)?.focus();
  else if (token && key === "Escape") token.blur();
  else return;
  event.preventDefault();
});

at.view.addEventListener("focusin", ({ target }) => {
  if (!target.matches(".token")) return;
  for (const other of target.parentNode.children) {
    other.tabIndex = other === target ? 0 : -1;
    other.setAttribute("aria-selected", other === target);
  }
  const { row, index } = target.dataset;
  if (row !== "source") lastRow = Number(row);
  light(row, Number(index));
});
at.view.addEventListener("focusout", ({ target }) => {
  if (!target.matches(".token")) return;
  target.setAttribute("aria-selected", false);
  darken();
});
at.view.addEventListener("pointerover", ({ target }) => {
  const place = target.closest("[data-index]");
  if (place) light(place.dataset.row, Number(place.dataset.index));
});
at.view.addEventListener("pointerout", ({ target, relatedTarget }) => {
  if (!target.closest("[data-index]") || relatedTarget?.closest?.("[data-index]")) return;
  const token = document.activeElement?.closest(".token");
  if (token) light(token.dataset.row, Number(token.dataset.index));
  else darken();
});
at.view.addEventListener("click", ({ target }) => target.closest(".token")?.focus());
at.list.addEventListener("click", ({ target }) => {
  const button = target.closest("button");
  if (button) show(Number(button.dataset.sentence));
});
at.previous.onclick = () => go(-1);
at.next.onclick = () => go(1);
at.earlier.onclick = () => turn(-PAGE);
at.later.onclick = () => turn(PAGE);
at.filter.oninput = filter;

for (const node of [at.previous, at.next]) node.hidden = !many;
document.querySelector("nav").hidden = !many;
if (sentences.length) show(0, { quiet: true });
else at.view.append(make("p", {}, "There are no sentences on this page."));
