// What went wrong, in words that a person can act on.

import { h } from "./dom.js";
import { Problem } from "./api.js";
import { word } from "./words.js";

const PREFIX = "urn:precis:problem:";
const MOST_FIELDS = 8;

export function problemBox(error, again) {
  if (!(error instanceof Problem)) throw error;
  return h("div", { class: "problem", role: "alert" }, problemText(error.problem), again && againButton(again));
}

// A problem that stands in a body: of a run or of a document.
export function problemText(problem) {
  const [title, advice] = wordsOf(problem);
  return [
    h("p", { class: "problem-title" }, title),
    advice && h("p", {}, advice),
    problem.detail && h("p", { class: "detail", dir: "auto" }, problem.detail),
    problem.fields && h("ul", { class: "detail" }, problem.fields.slice(0, MOST_FIELDS).map(field)),
    problem.documents && h("ul", { class: "detail" }, problem.documents.slice(0, MOST_FIELDS).map(unread)),
  ];
}

export function problemLine(problem) {
  return wordsOf(problem).filter(Boolean).join(" ");
}

function wordsOf(problem) {
  const known = word(`problem_${String(problem.type || "").replace(PREFIX, "")}`);
  return known || [problem.title || word("problem_unexpected")[0], ""];
}

function field({ field, message }) {
  const label = word(`option_${field.replace(/^options\./, "")}`) || field;
  return h("li", {}, h("strong", {}, label), ": ", message);
}

function unread(document) {
  return h("li", {}, h("bdi", {}, h("strong", {}, document.id)), ": ", problemLine(document));
}

function againButton(again) {
  return h("button", { type: "button", class: "quiet", onclick: again }, word("try_again"));
}
