// Choose documents and options, see the plan, start.

import { h, add, fill, name, say } from "./dom.js";
import { ask, batchForm, Problem, requestKey } from "./api.js";
import { labelsOf } from "./folders.js";
import { bytes } from "./format.js";
import { loadOptions } from "./options.js";
import { planTable, planView } from "./plan.js";
import { problemBox } from "./problems.js";
import { word } from "./words.js";

const PLAN_MILLISECONDS = 500; // after the last change
const PLAN_BYTES = 4e6; // larger batches are planned when asked for: to send them twice takes its time
const SHOWN = 50;
const ACCEPTED = ".txt,.text,.md,.markdown,.html,.htm,.xhtml,.pdf,.csv,.log,.rst,.tex,.json";

export function composeView(root, go) {
  const view = new Compose(root, go);
  return () => view.close();
}

class Compose {
  constructor(root, go) {
    this.go = go;
    this.documents = [];
    this.pasted = 0;
    this.key = requestKey();
    this.list = h("div", { class: "chosen" });
    this.planBox = h("section", { class: "card plan", "aria-label": word("plan") });
    this.tableBox = h("div", { class: "planned" });
    this.trouble = h("div");
    this.start = h("button", { type: "button", class: "main", disabled: true, onclick: () => this.send() }, word("start"));
    this.optionsBox = h("section", { class: "card", "aria-busy": "true" }, h("h2", {}, word("options")));
    fill(
      root,
      h("div", { class: "intro" }, h("h1", {}, word("compose_title")), h("p", { class: "lead" }, word("compose_lead"))),
      h(
        "div",
        { class: "compose" },
        h("div", { class: "column" }, this.dropZone(), this.pasteBox(), this.list),
        this.optionsBox,
        h("div", { class: "column" }, this.planBox, this.trouble, this.start, this.tableBox),
      ),
    );
    this.showDocuments();
    this.onDrag = (event) => event.preventDefault();
    this.onDrop = (event) => this.dropped(event);
    document.addEventListener("dragover", this.onDrag);
    document.addEventListener("drop", this.onDrop);
    this.loadForm();
  }

  close() {
    document.removeEventListener("dragover", this.onDrag);
    document.removeEventListener("drop", this.onDrop);
    clearTimeout(this.timer);
    this.planning?.abort();
  }

  async loadForm() {
    try {
      const { form, description } = await loadOptions(() => this.changed());
      this.form = form;
      this.examples = description.components.schemas.BatchIn.examples;
      fill(this.optionsBox, h("h2", {}, word("options")), form.element);
      this.optionsBox.removeAttribute("aria-busy");
      this.changed();
    } catch (error) {
      fill(this.optionsBox, problemBox(error, () => this.loadForm()));
      this.optionsBox.removeAttribute("aria-busy");
    }
  }

  dropZone() {
    const input = h("input", { type: "file", id: "files", multiple: true, accept: ACCEPTED, class: "unseen" });
    input.addEventListener("change", () => {
      this.addFiles([...input.files]);
      input.value = "";
    });
    this.dropTitle = h("strong", {}, word("drop"));
    const example = h("button", { type: "button", class: "link", onclick: () => this.addExample() }, word("example"));
    return h(
      "div",
      { class: "drop" },
      h("p", {}, this.dropTitle),
      h("p", { class: "hint" }, word("drop_kinds")),
      h("p", { class: "row" }, input, h("label", { for: "files", class: "button" }, word("choose")), example),
    );
  }

  pasteBox() {
    const text = h("textarea", { id: "paste", rows: 5, dir: "auto" });
    const title = h("input", { id: "paste-title", maxlength: 150, placeholder: word("paste_title_hint"), dir: "auto" });
    const give = () => {
      if (!text.value.trim()) return;
      const named = title.value.trim() || word("pasted", ++this.pasted);
      this.addFiles([new File([text.value], named, { type: "text/plain" })]);
      text.value = title.value = "";
    };
    return h(
      "details",
      { class: "paste" },
      h("summary", {}, word("paste")),
      h("div", { class: "field" }, h("label", { for: "paste" }, word("paste_label")), text),
      h("div", { class: "field" }, h("label", { for: "paste-title" }, word("paste_title")), title),
      h("button", { type: "button", onclick: give }, word("paste_add")),
    );
  }

  async dropped(event) {
    event.preventDefault();
    const entries = [...event.dataTransfer.items].map((item) => item.webkitGetAsEntry?.()).filter(Boolean);
    if (entries.length) this.addDocuments((await Promise.all(entries.map((entry) => filesOf(entry)))).flat());
    else this.addFiles([...event.dataTransfer.files]);
  }

  addExample() {
    const documents = this.examples?.[0]?.documents || [];
    this.addFiles(documents.map(({ title, text }) => new File([text], title, { type: "text/plain" })));
  }

  addFiles(files) {
    this.addDocuments(files.map((file) => ({ file, name: file.name, folders: [] })));
  }

  // `folders`: those that lead to a file, from the one that was dropped.
  addDocuments(documents) {
    this.documents.push(...documents);
    say(word("documents_chosen", this.documents.length));
    this.showDocuments();
    this.changed();
  }

  remove(document) {
    this.documents = this.documents.filter((other) => other !== document);
    this.showDocuments();
    this.changed();
    this.list.querySelector("button")?.focus();
  }

  showDocuments() {
    const documents = this.documents;
    this.dropTitle.textContent = word(documents.length ? "drop_more" : "drop");
    this.start.disabled = !documents.length;
    if (!documents.length) return fill(this.list);
    const clear = h("button", { type: "button", class: "link", onclick: () => this.removeAll() }, word("remove_all"));
    const labels = labelsOf(documents);
    const rows = documents.slice(0, SHOWN).map((document, at) => {
      const label = word("remove", document.name);
      const button = { type: "button", class: "icon", "aria-label": label, title: label, onclick: () => this.remove(document) };
      const size = h("span", { class: "hint" }, bytes(document.file.size));
      const group = labels[at] && [name(labels[at]), " / "];
      return h("li", {}, h("span", { class: "name" }, group, name(document.name)), size, h("button", button, "×"));
    });
    const more = documents.length > SHOWN && h("li", { class: "hint" }, word("plan_more", documents.length - SHOWN));
    const total = documents.reduce((sum, document) => sum + document.file.size, 0);
    const head = h("h2", {}, word("documents_chosen", documents.length), " ", h("span", { class: "hint" }, bytes(total)));
    return fill(this.list, h("div", { class: "row spread" }, head, clear), h("ul", { class: "files" }, rows, more));
  }

  removeAll() {
    this.documents = [];
    this.showDocuments();
    this.changed();
  }

  // Something that the plan depends on is different now.
  changed() {
    this.key = requestKey();
    clearTimeout(this.timer);
    this.planning?.abort();
    fill(this.trouble);
    if (!this.documents.length) fill(this.tableBox);
    const size = this.documents.reduce((sum, document) => sum + document.file.size, 0);
    if (!this.documents.length || !this.form) {
      fill(this.planBox, h("h2", {}, word("plan")), h("p", { class: "hint" }, word("plan_waiting")));
    } else if (size > PLAN_BYTES) {
      const now = h("button", { type: "button", class: "quiet", onclick: () => this.makePlan() }, word("plan_now"));
      fill(this.planBox, h("h2", {}, word("plan")), now);
    } else {
      this.timer = setTimeout(() => this.makePlan(), PLAN_MILLISECONDS);
    }
  }

  async makePlan() {
    this.planning = new AbortController();
    const { signal } = this.planning;
    this.planBox.setAttribute("aria-busy", "true");
    if (!this.planBox.querySelector("dl")) {
      fill(this.planBox, h("h2", {}, word("plan")), h("p", { class: "hint" }, word("planning")));
    }
    try {
      const form = batchForm(this.documents, this.form.values());
      const plan = await ask("v1/plans", { method: "POST", form, signal });
      fill(this.planBox, planView(plan));
      fill(this.tableBox, planTable(plan.documents));
    } catch (error) {
      if (error.name === "AbortError") return;
      fill(this.tableBox);
      fill(this.planBox, h("h2", {}, word("plan")), problemBox(error, error.status ? null : () => this.makePlan()));
    }
    this.planBox.removeAttribute("aria-busy");
  }

  async send() {
    this.start.disabled = true;
    this.start.textContent = word("starting");
    fill(this.trouble);
    try {
      const form = batchForm(this.documents, this.form.values());
      const run = await ask("v1/runs", { method: "POST", form, headers: { "Idempotency-Key": this.key } });
      this.go(`#/runs/${run.id}`);
    } catch (error) {
      if (!(error instanceof Problem)) throw error;
      add(this.trouble, problemBox(error));
      this.start.disabled = false;
      this.start.textContent = word("start");
    }
  }
}

// The files under a dropped file or folder, as documents.
async function filesOf(entry, folders = []) {
  if (entry.isFile) {
    const file = await new Promise((done, fail) => entry.file(done, fail));
    return [{ file, name: file.name, folders }];
  }
  const reader = entry.createReader();
  const inside = [];
  for (;;) {
    const some = await new Promise((done, fail) => reader.readEntries(done, fail));
    if (!some.length) break;
    inside.push(...some);
  }
  return (await Promise.all(inside.map((below) => filesOf(below, [...folders, entry.name])))).flat();
}
