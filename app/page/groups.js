// The groups of a run's documents, each with its summary.

import { h, name } from "./dom.js";
import { count } from "./format.js";
import { scoresView } from "./scores.js";
import { summaryView } from "./summary.js";
import { word } from "./words.js";

const OPEN = 3; // whose summaries are open from the start, if no report says the same above

export function groupsView(run, sources) {
  const groups = run.groups || [];
  if (!groups.length) return null;
  const isReport = run.options.style === "report";
  const rows = groups.map((group, at) => row(group, sources, at < OPEN && !isReport));
  return [h("h2", {}, `${word("groups")} · ${count(groups.length)}`), h("ul", { class: "document-list" }, rows)];
}

function row(group, sources, isOpen) {
  const head = h(
    "span",
    { class: "document-head" },
    h("span", { class: "name" }, name(group.name)),
    h("span", { class: "hint" }, word("documents_chosen", group.documents.length)),
    h("span", { class: `status is-${group.status}` }, word(`status_${group.status}`)),
  );
  if (!group.summary) return h("li", {}, head, h("p", { class: "hint" }, word("no_summary")));
  const details = h("details", { open: isOpen }, h("summary", {}, head));
  const content = () => {
    if (details.dataset.isBuilt || !details.open) return;
    details.dataset.isBuilt = "yes";
    details.append(h("div", { class: "prose", lang: group.summary.language }, summaryView(group.summary, sources)));
    details.append(...[scoresView(group.summary)].filter(Boolean));
  };
  details.addEventListener("toggle", content);
  content();
  return h("li", {}, details);
}
