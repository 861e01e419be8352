// What was found beside the summary, by name. A facet that is newer than this page is shown as it comes.

import { h, name } from "./dom.js";
import { count, languageName, share } from "./format.js";
import { markdown } from "./markdown.js";
import { word } from "./words.js";

const SHOWN = 40;
const CHIPS = 24;
const HIDDEN = ["status", "error", "message", "usage", "facet", "parts", "failed_parts"];

export function facetsView(facets) {
  const entries = Object.entries(facets || {}).filter(([, facet]) => facet && typeof facet === "object");
  if (!entries.length) return null;
  return h("section", { class: "facets" }, h("h2", {}, word("facets")), cardsOf(entries));
}

// The same of one document, folded: a batch has many.
export function foldedFacets(facets) {
  const entries = Object.entries(facets || {}).filter(([, facet]) => facet && typeof facet === "object");
  return entries.length > 0 && h("details", { class: "facets" }, h("summary", { class: "hint" }, word("facets")), cardsOf(entries));
}

function cardsOf(entries) {
  const shown = entries.filter(([, facet]) => facet.status !== "unavailable");
  const lacking = entries.filter(([, facet]) => facet.status === "unavailable").map(([key]) => facetName(key));
  return [
    h("div", { class: "cards" }, shown.map(card)),
    lacking.length > 0 && h("p", { class: "hint lacking" }, word("unavailable"), " ", lacking.join(", ")),
  ];
}

function card([key, facet]) {
  const isWide = key.startsWith("translation") || key === "synthesis";
  return h("div", { class: `card facet${isWide ? " is-wide" : ""}` }, h("h3", {}, facetName(key)), content(key, facet));
}

export function facetName(key) {
  const [kind, ...more] = key.split(":");
  if (kind === "translation") return word("facet_translation", languageName(more.join(":")));
  return word(`facet_${kind}`) || key.replaceAll("_", " ");
}

function content(key, facet) {
  if (facet.status === "failed") {
    return [h("p", {}, word("facet_failed")), facet.message && h("p", { class: "hint", dir: "auto" }, facet.message)];
  }
  const shown = shownAs(key.split(":")[0], facet);
  const lacks = facet.status === "partial" && h("p", { class: "hint" }, word("facet_partial"));
  return [shown ?? h("p", { class: "hint" }, word("facet_empty")), lacks];
}

function shownAs(kind, facet) {
  const value = valueOf(facet);
  const isEmpty = value === null || value === undefined || value === "" || (Array.isArray(value) && !value.length);
  if (isEmpty) return null;
  if (Array.isArray(value)) {
    if (kind === "action_items" || kind === "questions") return list(value, kind === "action_items" ? "todo" : "");
    if (kind === "categories" && value.every((one) => typeof shareOf(one) === "number")) return shares(value);
    return value.every((one) => isShort(one)) ? chips(value) : list(value, "");
  }
  if (typeof value === "string") return value.length > 60 ? h("div", { class: "prose" }, markdown(value)) : h("p", { class: "large" }, pretty(value));
  if (typeof value.text === "string") return h("div", { class: "prose small", lang: value.language }, markdown(value.text));
  if (typeof value === "object") return kind === "sentiment" ? sentiment(value) : generic(value);
  return h("p", { class: "large" }, String(value));
}

// The value itself, whatever it is called.
function valueOf(facet) {
  for (const key of ["items", "value", "text", "terms", "entities", "summary"]) if (key in facet) return facet[key];
  const rest = Object.fromEntries(Object.entries(facet).filter(([key]) => !HIDDEN.includes(key)));
  return Object.keys(rest).length ? rest : null;
}

function labelOf(item) {
  if (typeof item !== "object" || item === null) return String(item);
  const key = ["term", "name", "text", "question", "action", "label", "category", "value"].find((one) => item[one]);
  return key ? String(item[key]) : generalText(item);
}

function isShort(item) {
  return labelOf(item).length <= 60;
}

const shareOf = (item) => item?.share ?? item?.weight ?? item?.score;

function chips(items) {
  const chip = (item) =>
    h("li", {}, name(labelOf(item)), details(item).map((detail) => h("span", { class: "hint" }, " ", detail)));
  const list = h("ul", { class: "chips" }, items.slice(0, CHIPS).map(chip));
  if (items.length <= CHIPS) return list;
  const all = h("button", { type: "button", class: "link" }, word("show_all", items.length));
  all.addEventListener("click", () => {
    list.append(...items.slice(CHIPS).map(chip));
    all.remove();
  });
  return [list, all];
}

function list(items, kind) {
  const line = (item) => {
    const said = details(item);
    return h("li", { dir: "auto" }, labelOf(item), said.length > 0 && h("span", { class: "hint" }, " — ", said.join(" · ")));
  };
  return h("ul", { class: kind }, items.slice(0, SHOWN).map(line));
}

// What else is known of an item: how often it stands there, of which kind it is, who shall do it until when.
function details(item) {
  if (typeof item !== "object" || item === null) return [];
  const said = [];
  if (typeof item.count === "number") said.push(`× ${count(item.count)}`);
  for (const key of ["kind", "type", "answer", "owner", "who", "due", "when"]) if (item[key]) said.push(named(item[key]));
  return said;
}

function shares(items) {
  const line = (item) => {
    const meter = h("meter", { min: 0, max: 1, value: shareOf(item), "aria-label": labelOf(item) });
    return h("li", {}, h("span", { class: "row spread" }, name(labelOf(item)), h("span", { class: "hint" }, share(shareOf(item)))), meter);
  };
  return h("ul", { class: "shares" }, items.slice(0, SHOWN).map(line));
}

function sentiment(value) {
  const label = value.label ?? value.sentiment ?? value.tone;
  const score = value.score ?? value.value;
  return [
    label && h("p", { class: "large" }, named(label)),
    typeof score === "number" && h("meter", { min: -1, max: 1, value: score, "aria-label": word("facet_sentiment") }),
    value.reason && h("p", { dir: "auto" }, value.reason),
    !label && typeof score !== "number" && generic(value),
  ];
}

function generic(value) {
  const rows = Object.entries(value).slice(0, SHOWN).map(([key, inner]) => [
    h("dt", {}, key.replaceAll("_", " ")),
    h("dd", { dir: "auto" }, Array.isArray(inner) ? inner.map(labelOf).join(", ") : labelOf(inner)),
  ]);
  return h("dl", { class: "pairs" }, rows);
}

function generalText(item) {
  return Object.values(item).filter((value) => typeof value !== "object").join(" · ");
}

// A kind of name or a tone in the reader's language, where the page has a word for it.
const named = (value) => word(`named_${value}`) || pretty(value);
const pretty = (value) => String(value).replaceAll("_", " ");
