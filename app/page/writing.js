// A summary while a language model writes it. A screen reader is told once that it has begun; the text itself is read
// out by nobody before it is whole.

import { h, fill, name, say } from "./dom.js";
import { markdown } from "./markdown.js";
import { word } from "./words.js";

const SHOWN = 4; // at once, where each document has one

export class WritingView {
  constructor(titles) {
    this.titles = titles;
    this.texts = new Map(); // by document; null: of the whole batch
    this.element = h("div", { class: "writing", "aria-busy": "true" });
  }

  told(drafts) {
    const wasEmpty = !this.texts.size;
    for (const { document, start, text } of drafts) {
      const whole = (start ? this.texts.get(document) || "" : "") + text;
      if (whole) this.texts.set(document, whole);
      else this.texts.delete(document);
    }
    if (wasEmpty && this.texts.size) say(word("writing"));
    this.render();
  }

  // The summary itself is there, or all begins anew.
  done(document) {
    if (document === undefined) this.texts.clear();
    else this.texts.delete(document);
    this.render();
  }

  render() {
    const isNamed = this.titles.size > 1;
    const drafts = [...this.texts].slice(0, SHOWN).map(([document, text]) => [
      isNamed && document !== null && h("h3", {}, name(this.titles.get(document) || "")),
      h("div", { class: "prose" }, markdown(text)),
    ]);
    fill(this.element, drafts.length > 0 && h("h2", {}, word("writing")), drafts);
  }
}
