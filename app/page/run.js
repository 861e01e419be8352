// One run: its head, the picture of its work, its summaries. What is shown comes from two places: the run itself, and
// the stream of its events, which is followed from the start so that a page that is opened late shows the same.

import { h, fill, say } from "./dom.js";
import { ask, Problem } from "./api.js";
import { documentsView } from "./documents.js";
import { draftsView } from "./drafts.js";
import { facetsView } from "./facets.js";
import { groupsView } from "./groups.js";
import { headView } from "./head.js";
import { PictureView } from "./reading.js";
import { lacksFilesAlone } from "./missing.js";
import { problemBox, problemText } from "./problems.js";
import { ProgressView } from "./progress.js";
import { Sources } from "./sources.js";
import { RunStream } from "./stream.js";
import { word } from "./words.js";
import { WritingView } from "./writing.js";

const FINAL = ["succeeded", "partial", "failed", "cancelled"];
const POLL_MILLISECONDS = 5_000; // while no stream comes through

export function runView(root, id, go) {
  const view = new RunView(root, id, go);
  return () => view.close();
}

class RunView {
  constructor(root, id, go) {
    this.root = root;
    this.id = id;
    this.go = go;
    this.path = `v1/runs/${encodeURIComponent(id)}`;
    this.early = new Map(); // summaries of documents that came before the run's end
    this.last = 0;
    fill(root, h("p", { class: "hint" }, word("loading")));
    this.load();
  }

  close() {
    this.isClosed = true;
    this.stream?.close();
    this.picture?.close();
    this.progress?.close();
    clearInterval(this.polling);
  }

  async load() {
    try {
      const run = await ask(this.path);
      if (this.isClosed) return;
      this.build(run);
      this.show(run);
      this.follow();
    } catch (error) {
      if (!this.isClosed) fill(this.root, problemBox(error, () => this.load()));
    }
  }

  build(run) {
    this.shownEnd = null;
    const titles = new Map(run.documents.map((document) => [document.id, document.title]));
    this.sources = new Sources(this.id, titles);
    this.progress = new ProgressView();
    this.writing = new WritingView(titles);
    this.picture = new PictureView(this.path, titles, this.sources);
    this.headBox = h("header", { class: "run-head" });
    this.noteBox = h("div");
    this.summaryBox = h("section", { class: "summary", "aria-label": word("summary") });
    this.facetsBox = h("div");
    this.groupsBox = h("section", { class: "documents" });
    this.documentsBox = h("section", { class: "documents" });
    const work = h("section", { class: "card work", "aria-label": word("picture") }, this.progress.element, this.picture.element);
    this.page = h(
      "div",
      { class: "run" },
      h("div", { class: "reading" }, this.headBox, this.noteBox, work, this.summaryBox, this.facetsBox, this.groupsBox, this.documentsBox),
      this.sources.panel,
    );
    fill(this.root, this.page);
  }

  show(run) {
    const isFinal = FINAL.includes(run.status);
    // The same end comes by several ways; drawn again, it would close what a reader has opened meanwhile.
    const end = isFinal ? run.finished_at : null;
    if (end && end === this.shownEnd) return;
    this.shownEnd = end;
    this.run = run;
    document.title = `${run.documents[0]?.title || word("untitled")} – Precis`;
    this.page.classList.toggle("is-final", isFinal);
    fill(this.headBox, headView(run, this));
    fill(this.noteBox, this.notes(run));
    this.progress.show(run);
    this.picture.finished(isFinal);
    fill(this.summaryBox, this.summary(run, isFinal));
    fill(this.facetsBox, facetsView(run.facets));
    fill(this.groupsBox, groupsView(run, this.sources));
    fill(this.documentsBox, documentsView(run, this.early, this.sources));
  }

  notes(run) {
    const warnings = run.warnings.length > 0 &&
      h("details", { class: "note" }, h("summary", {}, word("warnings")), h("ul", {}, run.warnings.map((text) => h("li", { dir: "auto" }, text))));
    const problem = lacksFilesAlone(run) ? { type: "unread-files" } : run.error;
    return [problem && h("div", { class: `problem is-${run.status}` }, problemText(problem)), warnings];
  }

  summary(run, isFinal) {
    if (!isFinal) return this.writing.element;
    if (!run.summary) return run.documents.some((document) => document.summary) ? null : h("p", { class: "hint" }, word("no_summary"));
    return draftsView(run, this.sources);
  }

  follow() {
    this.stream?.close();
    this.stream = new RunStream(this.id, this.last, (type, data) => this.told(type, data), (isOpen) => this.connected(isOpen));
  }

  connected(isOpen) {
    clearInterval(this.polling);
    if (isOpen) this.progress.note("");
    else if (!FINAL.includes(this.run.status)) {
      this.progress.note(word(this.isRestarting ? "goodbye" : "lost_connection"));
      this.polling = setInterval(() => this.refresh(), POLL_MILLISECONDS);
    }
  }

  told(type, data) {
    this.last = this.stream.after;
    if (data.steps) this.picture.add(data.steps);
    if (type === "planned") {
      this.picture.plan(data);
      this.progress.told(data);
    } else if (type === "progress") {
      this.isRestarting = false;
      this.progress.told(data);
      if (this.run.status === "queued") this.refresh();
    } else if (type === "document") {
      this.early.set(data.id, data.text);
      if (this.run.documents.length > 1) this.writing.done(data.id);
      this.showEarly();
    } else if (type === "draft") {
      this.writing.told(data.drafts);
    } else if (type === "retried") {
      this.writing.done();
      this.progress.restart();
      this.progress.told(data);
    } else if (type === "goodbye") this.isRestarting = true;
    else if (type === "finished") this.ended(data);
  }

  // Many documents may be ready at once; they are shown together.
  showEarly() {
    if (this.isShowing || FINAL.includes(this.run.status)) return;
    this.isShowing = setTimeout(() => {
      this.isShowing = null;
      if (!this.isClosed && !FINAL.includes(this.run.status)) fill(this.documentsBox, documentsView(this.run, this.early, this.sources));
    }, 300);
  }

  async ended() {
    const wasActive = !FINAL.includes(this.run.status);
    this.stream.close();
    this.connected(true);
    if (wasActive) await this.refresh();
    if (this.isClosed) return;
    // A run that was tried again has an end in the middle of its events.
    if (!FINAL.includes(this.run.status)) this.follow();
    else if (wasActive) say(word(`status_${this.run.status}`));
  }

  async refresh() {
    try {
      const run = await ask(this.path);
      if (!this.isClosed) this.show(run);
    } catch (error) {
      if (!(error instanceof Problem)) throw error;
      if (!this.isClosed && error.status === 404) fill(this.root, problemBox(error));
    }
  }

  // What the buttons in the head do; each gives a problem to show, or null.
  async act(method, address, then) {
    try {
      const answer = await ask(address, { method });
      if (!this.isClosed) then(answer);
      return null;
    } catch (error) {
      if (!(error instanceof Problem)) throw error;
      return error;
    }
  }

  cancel() {
    return this.act("POST", `${this.path}/cancel`, (run) => this.show(run));
  }

  retry() {
    return this.act("POST", `${this.path}/retry`, (run) => {
      this.show(run);
      this.follow();
    });
  }

  remove() {
    return this.act("DELETE", this.path, () => {
      say(word("deleted"));
      this.go("#/runs");
    });
  }
}
