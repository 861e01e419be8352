// What a run would do and cost, before it starts.

import { h, name } from "./dom.js";
import { count, dollars, languageName } from "./format.js";
import { problemLine } from "./problems.js";
import { word } from "./words.js";

const SHOWN = 30;

export function planView(plan) {
  const tokens = plan.prompt_tokens + plan.completion_tokens;
  const cost = plan.most_usd === null ? word("plan_unknown") : plan.most_usd ? dollars(plan.most_usd) : word("plan_free");
  return [
    h("h2", {}, word("plan")),
    h(
      "dl",
      { class: "figures" },
      figure("plan_calls", count(plan.calls), callsDetail(plan)),
      tokens > 0 && figure("plan_tokens", count(tokens)),
      figure("plan_cost", cost, plan.model),
      figure("plan_depth", count(plan.depth), word("plan_depth_detail")),
    ),
  ];
}

function callsDetail(plan) {
  const facets = plan.facets > 0 ? `, ${word("plan_facets", plan.facets)}` : "";
  return word("plan_calls_detail", plan) + facets;
}

function figure(key, value, detail) {
  return h("div", {}, h("dt", {}, word(key)), h("dd", {}, value, detail && h("span", { class: "hint" }, detail)));
}

export function planTable(documents) {
  const heads = ["plan_document", "plan_language", "plan_words", "plan_chunks"];
  const left = documents.length - SHOWN;
  return [
    h(
      "table",
      {},
      h("thead", {}, h("tr", {}, heads.map((key, at) => h("th", { scope: "col", class: at > 1 && "number" }, word(key))))),
      h("tbody", {}, documents.slice(0, SHOWN).map(row)),
    ),
    left > 0 && h("p", { class: "hint" }, word("plan_more", left)),
  ];
}

function row(document) {
  const title = h("th", { scope: "row" }, name(document.title));
  if (document.error) return h("tr", {}, title, h("td", { colspan: 3, class: "wrong" }, problemLine(document.error)));
  return h(
    "tr",
    {},
    title,
    h("td", { class: "language" }, languageName(document.language)),
    h("td", { class: "number" }, count(document.words)),
    h("td", { class: "number" }, count(document.chunks)),
  );
}
