// The picture of a run with what belongs to it: a legend, the chunk under the pointer, the failures.

import { h, add, fill, name } from "./dom.js";
import { ask } from "./api.js";
import { facetName } from "./facets.js";
import { markdown } from "./markdown.js";
import { Picture } from "./picture.js";
import { Tree, DONE, FAILED, SKIPPED, WAITING } from "./tree.js";
import { word } from "./words.js";

const STATES = { [WAITING]: "waiting", [DONE]: "done", [FAILED]: "failed", [SKIPPED]: "skipped" };
const SAID = { [WAITING]: "waiting", [DONE]: "succeeded", [FAILED]: "failed", [SKIPPED]: "skipped" };
const FAILURES_SHOWN = 8;

export class PictureView {
  constructor(path, titles, sources) {
    this.path = path;
    this.titles = titles;
    this.sources = sources;
    this.canvas = h("canvas", { tabindex: "0", role: "application" });
    this.frame = h("div", { class: "picture" }, this.canvas);
    this.under = h("p", { class: "under hint", "aria-live": "polite" });
    this.failed = h("div", { class: "failed-calls" });
    const legend = Object.values(STATES).map((state) => h("li", { class: `is-${state}` }, word(`legend_${state}`)));
    this.element = h("div", { hidden: true }, this.frame, h("ul", { class: "legend" }, legend), this.under, this.failed);
  }

  close() {
    this.picture?.close();
  }

  plan(planned) {
    this.picture?.close();
    this.tree = new Tree(planned, this.titles);
    this.total = planned.progress.total;
    this.done = 0;
    this.picture = new Picture(this.canvas, this.tree, {
      onPick: (cell) => this.open(this.tree.at(cell)),
      onMove: (cell) => this.describe(cell),
    });
    this.element.hidden = false;
    this.label();
  }

  add(steps) {
    if (!this.tree) return;
    for (const step of steps) {
      const cell = this.tree.add(step);
      this.picture.changed(cell);
      if (cell >= 0 && cell === this.picture.cursor) this.describe(cell);
    }
    this.done += steps.length;
    this.picture.draw();
    this.label();
    if (this.failuresShown !== this.tree.failures.size) this.showFailures();
  }

  finished(isFinal) {
    this.element.classList.toggle("is-final", isFinal);
  }

  label() {
    const counts = { done: Math.min(this.done, this.total), total: this.total, failed: this.tree.failures.size };
    this.canvas.setAttribute("aria-label", word("picture_label", counts));
  }

  describe(cell) {
    if (cell < 0) {
      this.under.textContent = "";
      return;
    }
    const { document, part, status } = this.tree.at(cell);
    const place = word("chunk_of", { part: part + 1, chunks: document.chunks });
    fill(this.under, name(document.title), `, ${place}: ${word(`chunk_${SAID[status]}`)}`);
  }

  showFailures() {
    const failures = [...this.tree.failures.values()];
    this.failuresShown = failures.length;
    if (!failures.length) return fill(this.failed);
    const limit = this.areAllShown ? failures.length : FAILURES_SHOWN;
    const all = h("button", { type: "button", class: "link", onclick: () => this.showAll() }, word("show_all", failures.length));
    return fill(
      this.failed,
      h("h3", {}, word("failures", failures.length)),
      h("ul", {}, failures.slice(0, limit).map((step) => this.failure(step))),
      failures.length > limit && all,
    );
  }

  showAll() {
    this.areAllShown = true;
    this.showFailures();
  }

  failure(step) {
    const said = h("span", { class: "hint", dir: "auto" }, step.message || step.error || "");
    const document = this.tree.byId.get(step.document);
    if (step.kind !== "map" || !document) {
      const what = step.facet ? facetName(step.facet) : word("failure_merge");
      return h("li", {}, h("strong", {}, document ? name(document.title) : "", " ", what), " ", said);
    }
    const place = word("chunk_of", { part: step.part + 1, chunks: document.chunks });
    const open = () => this.open({ document, part: step.part, status: FAILED, step });
    return h("li", {}, h("button", { type: "button", class: "link", onclick: open }, name(document.title), `, ${place}`), " ", said);
  }

  // Shows a chunk: its text in the document, and what was written of it.
  async open({ document, part, status }) {
    if (status === WAITING) return;
    const query = new URLSearchParams({ document: document.id, part });
    const { chunks } = await ask(`${this.path}/chunks?${query}`);
    const chunk = chunks.at(-1);
    if (!chunk) return;
    const title = word("chunk_of", { part: part + 1, chunks: document.chunks });
    const written = chunk.text
      ? h("div", { class: "prose small" }, markdown(chunk.text))
      : h("p", { class: chunk.error ? "wrong" : "hint", dir: "auto" }, chunk.message || word("partial_none"));
    const more = h("div", { class: "partial" }, h("h3", {}, word(`chunk_${chunk.status}`)), chunk.text && h("h3", {}, word("partial")), written);
    if (chunk.remembered) add(more, h("p", { class: "hint" }, word("remembered")));
    this.sources.from = this.canvas;
    await this.sources.show(title, chunk, [], more);
  }
}
