// A summary as text whose sentences lead to their sources. What the sources do not bear out is marked.

import { h } from "./dom.js";
import { share } from "./format.js";
import { language } from "./language.js";
import { markdown } from "./markdown.js";
import { word } from "./words.js";

const JOINER = "\u2060"; // keeps the number on the line of the sentence's last word

// `sources` numbers the cited passages and opens them: see `Sources`. With `isBySource`, what is quoted of a document
// stands under its title.
export function summaryView(summary, sources, isBySource = false) {
  const placed = place(summary);
  if (!placed) return [markdown(summary.text), bySentence(summary, sources)];
  const quoted = isBySource && byDocument(placed, summary.text);
  if (!quoted) return [marked(summary.text, 0, placed, sources), notes(summary)];
  const parts = quoted.map(({ document, start, end, own }) => [
    h("h3", { dir: "auto" }, sources.title(document)),
    marked(summary.text.slice(start, end), start, own, sources),
  ]);
  return [parts, notes(summary)];
}

// A text with its sentences; `from` is where it begins in the text that they have their places in.
function marked(text, from, placed, sources) {
  const marks = placed.map(({ sentence, start, end }) => ({
    start: start - from,
    end: end - from,
    wrap: (children) => wrapped(sentence, children),
    after: () => citations(sentence, sources),
  }));
  return markdown(text, marks);
}

// The parts of a summary that quotes, as the embedded model's do, each of one document; null for any other.
function byDocument(placed, text) {
  const parts = [];
  for (const each of placed) {
    const { citations: [citation, ...more], text: said } = each.sentence;
    if (!citation || more.length || citation.quote.split(/\s+/).join(" ").trim() !== said) return null;
    let part = parts.at(-1);
    if (part?.document !== citation.document) {
      const line = text.lastIndexOf("\n", each.start) + 1; // with the mark of a list item
      parts.push((part = { document: citation.document, start: Math.max(line, part?.end ?? 0), own: [] }));
    }
    part.own.push(each);
    part.end = each.end;
  }
  return parts;
}

// Where each sentence stands in the text; null when one of them is not found as it is.
function place(summary) {
  let from = 0;
  const placed = [];
  for (const sentence of summary.sentences) {
    const start = summary.text.indexOf(sentence.text, from);
    if (start < 0) return null;
    from = start + sentence.text.length;
    placed.push({ sentence, start, end: from });
  }
  return placed;
}

function wrapped(sentence, children) {
  const unsupported = (sentence.unsupported || []).filter(Boolean);
  const hasSupport = typeof sentence.support === "number";
  const isUncited = !sentence.citations.length;
  const isDoubted = sentence.verified === false;
  const title = isDoubted ? word("doubted") : isUncited ? word("uncited") : hasSupport ? word("support", share(sentence.support)) : null;
  const element = h("span", { class: `sentence${isUncited || isDoubted ? " is-uncited" : ""}`, title }, children);
  if (unsupported.length) markWords(element, unsupported);
  return element;
}

function markWords(element, phrases) {
  const texts = [];
  const walker = document.createTreeWalker(element, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) texts.push(walker.currentNode);
  const escaped = phrases.map((phrase) => phrase.replace(/[.*+?^${}()|[\]\\]/g, "\\$&")).sort((a, b) => b.length - a.length);
  const pattern = new RegExp(escaped.join("|"), "gu");
  for (const text of texts) {
    const parts = [];
    let at = 0;
    for (const found of text.data.matchAll(pattern)) {
      const mark = h("mark", { class: "unsupported", title: word("unsupported") }, found[0]);
      parts.push(text.data.slice(at, found.index), mark, h("span", { class: "unseen" }, ` (${word("unsupported")})`));
      at = found.index + found[0].length;
    }
    if (parts.length) text.replaceWith(...parts, text.data.slice(at));
  }
}

function citations(sentence, sources) {
  if (sentence.verified === false) return [unheard("doubted"), cites(sentence, sources)];
  return sentence.citations.length ? cites(sentence, sources) : unheard("uncited");
}

// Told to those who do not see the line under a sentence.
function unheard(key) {
  return h("span", { class: "uncited" }, h("span", { class: "unseen" }, word(key)));
}

function cites(sentence, sources) {
  return h("span", { class: "cites" }, JOINER, sentence.citations.map((citation) => cite(citation, sources)));
}

function cite(citation, sources) {
  const number = sources.number(citation);
  const label = word("source_in", { number, title: sources.title(citation.document), page: citation.page });
  const button = h("button", { type: "button", class: "cite", "aria-label": label, title: label }, number);
  button.addEventListener("click", () => sources.open(number, button));
  return button;
}

// What a reader must know of the summary, in the page's language.
function notes(summary) {
  const isMarked = summary.sentences.some((sentence) => (sentence.unsupported || []).length);
  const missed = (summary.misses || []).map((miss) => word(`misses_${miss}`) || word("misses"));
  const weak = summary.degraded && (word(`degraded_${summary.degraded}`) || word("degraded"));
  const remarks = [weak, ...missed].filter(Boolean).map((remark) => h("p", { class: "remark", lang: language }, remark));
  return [isMarked && h("p", { class: "hint", lang: language }, word("unsupported_note")), remarks];
}

function bySentence(summary, sources) {
  const items = summary.sentences.map((sentence) =>
    h("li", { dir: "auto" }, wrapped(sentence, [sentence.text]), citations(sentence, sources)),
  );
  return [h("details", {}, h("summary", {}, word("sources_by_sentence")), h("ol", {}, items)), notes(summary)];
}
