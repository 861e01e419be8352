// The documents of a run: how much of each is covered, and its summary.

import { h, name } from "./dom.js";
import { count, share } from "./format.js";
import { foldedFacets } from "./facets.js";
import { markdown } from "./markdown.js";
import { problemText } from "./problems.js";
import { scoresView } from "./scores.js";
import { bar } from "./sources.js";
import { summaryView } from "./summary.js";
import { word } from "./words.js";

const SHOWN = 40; // at once; a batch may have ten thousand
const OPEN = 3; // documents whose summaries are open from the start

export function documentsView(run, early, sources) {
  const documents = run.documents;
  const isAlone = documents.length === 1 && run.summary;
  const lost = lostOf(run.coverage);
  const list = h("ul", { class: "document-list" });
  const more = h("button", { type: "button", class: "quiet" }, word("more"));
  let shown = 0;
  const extend = () => {
    const some = documents.slice(shown, shown + SHOWN);
    list.append(...some.map((document, at) => row(document, { run, early, sources, lost, isAlone, isOpen: shown + at < OPEN })));
    shown += some.length;
    more.hidden = shown >= documents.length;
  };
  more.addEventListener("click", extend);
  extend();
  const title = isAlone ? word("coverage") : `${word("documents")} · ${count(documents.length)}`;
  return [h("h2", {}, title), list, more];
}

// Characters of each document that the summaries do not rest on, and why.
function lostOf(coverage) {
  const lost = new Map();
  for (const kind of ["failed", "skipped"]) {
    for (const span of coverage?.[kind] || []) {
      const of = lost.get(span.document) || { failed: 0, skipped: 0 };
      of[kind] += span.end - span.start;
      lost.set(span.document, of);
    }
  }
  return lost;
}

function row(document, { run, early, sources, lost, isAlone, isOpen }) {
  const isOver = run.finished_at || document.error;
  const status = isOver ? document.status : early.has(document.id) && "succeeded";
  const head = h(
    "span",
    { class: "document-head" },
    h("span", { class: "name" }, name(document.title)),
    h("span", { class: "hint" }, document.error ? "" : `${word("characters", document.characters)}`),
    status && h("span", { class: `status is-${status}` }, word(`status_${status}`)),
  );
  const covered = run.coverage && !document.error && coverageBar(document, lost.get(document.id));
  if (document.error) return h("li", {}, head, h("div", { class: "problem" }, problemText(document.error)));
  if (isAlone) return h("li", {}, head, covered, foldedFacets(document.facets));
  const early_text = early.get(document.id);
  const details = h("details", { open: isOpen && Boolean(document.summary || early_text) }, h("summary", {}, head), covered);
  const content = () => {
    if (details.dataset.isBuilt || !details.open) return;
    details.dataset.isBuilt = "yes";
    details.append(h("div", { class: "prose", lang: document.summary?.language }, text(document, early_text, sources)));
    details.append(...[scoresView(document.summary), foldedFacets(document.facets)].filter(Boolean));
  };
  details.addEventListener("toggle", content);
  content();
  return h("li", {}, details);
}

function text(document, early, sources) {
  if (document.summary) return summaryView(document.summary, sources);
  if (early) return markdown(early);
  const isOver = document.status !== "queued" && document.status !== "running";
  return h("p", { class: "hint" }, word(isOver ? "no_summary" : "not_yet"));
}

function coverageBar(document, lost = { failed: 0, skipped: 0 }) {
  const all = Math.max(1, document.characters);
  const isUnread = document.status === "cancelled";
  const failed = Math.min(1, lost.failed / all);
  const skipped = Math.min(1 - failed, lost.skipped / all);
  const read = isUnread ? 0 : 1 - failed - skipped;
  const said = [
    word("coverage_of", share(read)),
    failed > 0 && word("coverage_failed", share(failed)),
    skipped > 0 && word("coverage_skipped", share(skipped)),
  ].filter(Boolean).join(", ");
  return h("div", { class: "covered" }, bar([["done", read], ["failed", failed], ["skipped", skipped]], said), h("span", { class: "hint" }, said));
}
