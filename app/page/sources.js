// The passages that a run's summaries cite: numbered, and shown in their documents.

import { h, add, fill, name, announce } from "./dom.js";
import { ask } from "./api.js";
import { count } from "./format.js";
import { problemBox } from "./problems.js";
import { word } from "./words.js";

const AROUND = 500; // characters before and after a passage

export class Sources {
  constructor(runId, titles) {
    this.runId = runId;
    this.titles = titles;
    this.list = [];
    this.numbers = new Map();
    this.panel = h("aside", { class: "passage", hidden: true, "aria-label": word("sources") });
    this.panel.addEventListener("keydown", (event) => event.key === "Escape" && this.close());
  }

  title(id) {
    return this.titles.get(id) ?? id;
  }

  number(citation) {
    const place = JSON.stringify([citation.document, citation.start, citation.end]);
    if (!this.numbers.has(place)) this.numbers.set(place, this.list.push(citation));
    return this.numbers.get(place);
  }

  open(number, from) {
    if (from) this.from = from;
    const citation = this.list[number - 1];
    const step = (by, label, sign) => {
      const to = number + by;
      const isThere = to >= 1 && to <= this.list.length;
      const all = { type: "button", class: "icon", "aria-label": word(label), title: word(label), disabled: !isThere };
      return h("button", { ...all, onclick: () => this.open(to) }, sign);
    };
    const tools = [step(-1, "previous", "‹"), step(1, "next", "›")];
    for (const button of document.querySelectorAll(".cite.is-open")) button.classList.remove("is-open");
    const shown = [...document.querySelectorAll(".cite")].filter((button) => button.textContent === String(number));
    shown.forEach((button) => button.classList.add("is-open"));
    return this.show(word("source", number), citation, tools);
  }

  // Shows a span of a document with what stands around it, under a title; `more` stands below.
  async show(title, span, tools = [], more = []) {
    const heading = h("h2", {}, title);
    const body = h("div", { "aria-busy": "true" }, h("p", { class: "hint" }, word("loading")));
    const close = { type: "button", class: "icon", "aria-label": word("close"), title: word("close"), onclick: () => this.close() };
    const head = h("div", { class: "row spread" }, heading, h("span", { class: "row" }, tools, h("button", close, "×")));
    fill(this.panel, head, body);
    this.panel.hidden = false;
    announce(heading);
    const turn = (this.turn = Symbol("turn"));
    try {
      const view = await this.passage(span);
      if (turn !== this.turn) return;
      fill(body, view, more);
      const mark = body.querySelector("mark");
      if (mark) this.scrollTo(mark);
    } catch (error) {
      if (turn === this.turn) fill(body, problemBox(error, () => this.show(title, span, tools, more)));
    }
    body.removeAttribute("aria-busy");
  }

  async passage(span) {
    const start = Math.max(0, span.start - AROUND);
    const query = new URLSearchParams({ document: span.document, start, end: span.end + AROUND });
    const passage = await ask(`v1/runs/${encodeURIComponent(this.runId)}/text?${query}`);
    const letters = Array.from(passage.text); // offsets count characters, JavaScript counts halves of some
    const part = (from, to) => flowing(letters.slice(Math.max(0, from - start), Math.max(0, to - start)).join(""), passage);
    const page = span.page ?? [...passage.pages].reverse().find((one) => one.start <= span.start)?.page;
    const about = [page && word("page", page), word("span", { start: count(span.start), end: count(span.end) })];
    return [
      h("p", { class: "passage-of" }, h("strong", {}, name(passage.title)), h("span", { class: "hint" }, about.filter(Boolean).join(" · "))),
      h(
        "blockquote",
        { class: "source", dir: "auto", tabindex: "0" },
        passage.start > 0 && "… ",
        part(start, span.start),
        h("mark", {}, part(span.start, span.end)),
        part(span.end, passage.end),
        passage.end < passage.characters && " …",
      ),
    ];
  }

  scrollTo(mark) {
    const box = mark.closest(".source");
    box.scrollTop = Math.max(0, mark.offsetTop - box.offsetTop - 60);
  }

  close() {
    this.turn = null;
    this.panel.hidden = true;
    for (const button of document.querySelectorAll(".cite.is-open")) button.classList.remove("is-open");
    if (this.from?.isConnected) this.from.focus();
  }
}

// The lines of a PDF are as long as its paper was wide.
function flowing(text, passage) {
  return passage.pages.length ? text.replace(/(^|[^\n])\n(?!\n)/g, "$1 ") : text;
}

export function bar(parts, label) {
  const element = h("div", { class: "bar", role: "img", "aria-label": label, title: label });
  for (const [kind, part] of parts) {
    const piece = h("span", { class: `is-${kind}` });
    piece.style.width = `${Math.max(0, Math.min(1, part)) * 100}%`;
    add(element, part > 0 && piece);
  }
  return element;
}
