// The summary of the whole batch, with its scores; of several drafts, the one that is chosen.

import { h, fill } from "./dom.js";
import { scoresView } from "./scores.js";
import { summaryView } from "./summary.js";
import { word } from "./words.js";

export function draftsView(run, sources) {
  const drafts = run.variants?.length > 1 ? run.variants : [run.summary];
  const title = word(run.documents.length > 1 ? "of_all" : "summary");
  const words = h("span", { class: "hint" });
  const isBySource = run.documents.length > 1 && run.options.style !== "report";
  const box = h("div");
  const show = (draft) => {
    words.textContent = word("words", draft.words);
    fill(box, h("div", { class: "prose", lang: draft.language }, summaryView(draft, sources, isBySource)), scoresView(draft));
  };
  show(drafts[0]);
  return [h("h2", {}, title, " ", words), drafts.length > 1 && choice(drafts, show), box];
}

function choice(drafts, show) {
  const option = (draft, at) => {
    const radio = h("input", { type: "radio", name: "draft", checked: at === 0, onchange: () => show(draft) });
    return h("label", {}, radio, " ", word(at === 0 ? "draft_best" : "draft", at + 1));
  };
  return h("fieldset", { class: "drafts row" }, h("legend", { class: "unseen" }, word("drafts")), drafts.map(option));
}
