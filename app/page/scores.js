// How good a summary is: the figures that matter first, the rest behind them. What a figure means is asked of the API's
// own description, so that it is written once; `korean.js` says it in Korean.

import { h } from "./dom.js";
import { ask } from "./api.js";
import { count, decimal, share } from "./format.js";
import { explanations } from "./korean.js";
import { language } from "./language.js";
import { word } from "./words.js";

const FIRST = ["support", "unsupported_sentences", "terms_covered", "documents_covered", "length", "repetition"];
const SHOWN_AS = { alike_sentences: count, citations_per_sentence: decimal, compression: decimal, density: decimal };

let described = null; // asked for once, when somebody first wants to know

export function scoresView(summary) {
  const scores = Object.entries(summary?.scores || {}).filter(([, value]) => typeof value === "number");
  if (!scores.length) return null;
  const first = FIRST.map((key) => scores.find(([name]) => name === key)).filter(Boolean);
  const rest = scores.filter(([key]) => !FIRST.includes(key));
  const view = h("details", { class: "scores" }, h("summary", { class: "hint" }, word("scores")));
  view.addEventListener("toggle", () => {
    if (!view.open || view.dataset.isBuilt) return;
    view.dataset.isBuilt = "yes";
    const more = rest.length > 0 && h("details", {}, h("summary", { class: "hint" }, word("scores_more", rest.length)), figures(rest));
    view.append(h("p", { class: "hint" }, word("scores_note")), figures(first), more || "");
    explain(view);
  });
  return view;
}

function figures(scores) {
  const figure = ([key, value]) =>
    h("div", {}, h("dt", {}, word(`score_${key}`) || key.replaceAll("_", " ")), h("dd", {}, (SHOWN_AS[key] || share)(value)), h("dd", { class: "hint", "data-score": key }));
  return h("dl", { class: "figure-list" }, scores.map(figure));
}

async function explain(view) {
  const own = language === "ko" ? explanations : {};
  const places = [...view.querySelectorAll("[data-score]")];
  const api = places.every((place) => own[place.dataset.score]) ? {} : await descriptions();
  for (const place of places) place.textContent = own[place.dataset.score] || api[place.dataset.score]?.description || "";
}

// The figures are of use without their explanations too.
async function descriptions() {
  try {
    described ||= ask("openapi.json");
    return (await described).components.schemas.ScoresOut.properties;
  } catch {
    described = null;
    return {};
  }
}
