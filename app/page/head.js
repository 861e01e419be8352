// The head of a run: what it is about, how it stands, what can be done with it.

import { h, add, fill, name, say } from "./dom.js";
import { ask } from "./api.js";
import { dollars, duration, when } from "./format.js";
import { lacksFilesAlone } from "./missing.js";
import { problemBox } from "./problems.js";
import { word } from "./words.js";

const FORMS = [
  ["Markdown", "text/markdown", "md"],
  ["HTML", "text/html", "html"],
  ["Word", "application/vnd.openxmlformats-officedocument.wordprocessingml.document", "docx"],
  ["JSON", "application/json", "json"],
];
const CITED = "summary?citations=footnotes"; // JSON has its citations in any case
const RETRIED = ["failed", "partial", "cancelled"];
const ABSENT = [404, 405]; // of a service that cannot try again

export function headView(run, view) {
  const isActive = run.status === "queued" || run.status === "running";
  const trouble = h("div");
  const buttons = h("div", { class: "row actions" });
  const button = (key, act, kind = "quiet") => add(buttons, h("button", { type: "button", class: kind, onclick: act }, word(key)));
  const doing = (act) => async (event) => {
    const pressed = event.currentTarget;
    pressed.disabled = true;
    fill(trouble);
    const error = await act();
    pressed.disabled = false;
    if (error) fill(trouble, explain(error));
  };
  if (run.summary || run.documents.some((document) => document.summary)) {
    add(buttons, copyButton(run, view.path), downloads(run, view.path));
  }
  if (isActive) button("cancel", doing(() => view.cancel()));
  if (RETRIED.includes(run.status) && !lacksFilesAlone(run)) button("retry", doing(() => view.retry()), "main");
  if (!isActive) add(buttons, deleteButton(doing(() => view.remove())));
  const more = run.documents.length > 1 && h("span", { class: "more" }, " ", word("title_more", run.documents.length - 1));
  return [
    h("a", { class: "back", href: "#/runs" }, "‹ ", word("back")),
    h("h1", {}, name(run.documents[0]?.title || word("untitled")), more),
    h("p", { class: "facts" }, h("span", { class: `status is-${run.status}` }, word(`status_${run.status}`)), facts(run).map((fact) => h("span", {}, fact))),
    buttons,
    trouble,
  ];
}

function facts(run) {
  const { usage } = run;
  const tokens = usage.prompt_tokens + usage.completion_tokens;
  const isFinal = run.finished_at && run.started_at;
  const cost = usage.cost_usd === null ? null : usage.cost_usd ? dollars(usage.cost_usd) : word("free");
  return [
    when(run.created_at),
    run.options.model,
    isFinal && word("took", duration((new Date(run.finished_at) - new Date(run.started_at)) / 1000)),
    isFinal && tokens > 0 && word("tokens", tokens),
    isFinal && usage.remembered > 0 && word("remembered_calls", usage.remembered),
    isFinal && cost,
  ].filter(Boolean);
}

function explain(error) {
  return ABSENT.includes(error.status) && error.type !== "run-not-found"
    ? h("div", { class: "problem", role: "alert" }, h("p", {}, word("retry_absent")))
    : problemBox(error);
}

function copyButton(run, path) {
  const button = h("button", { type: "button", class: "quiet" }, word("copy"));
  button.addEventListener("click", async () => {
    await copy(await ask(`${path}/summary`, { accept: "text/markdown" }));
    button.textContent = word("copied");
    say(word("copied"));
    setTimeout(() => (button.textContent = word("copy")), 2000);
  });
  return button;
}

async function copy(text) {
  if (navigator.clipboard) {
    await navigator.clipboard.writeText(text);
    return;
  }
  const box = h("textarea", { class: "unseen" }); // an address without TLS has no clipboard
  box.value = text;
  document.body.append(box);
  box.select();
  document.execCommand("copy");
  box.remove();
}

function downloads(run, path) {
  const item = ([label, accept, ending]) =>
    h("li", {}, h("button", { type: "button", class: "link", onclick: () => download(path, accept, `${fileName(run)}.${ending}`) }, label));
  const menu = h("details", { class: "menu" }, h("summary", { class: "button quiet" }, word("download")), h("ul", {}, FORMS.map(item)));
  menu.addEventListener("click", (event) => event.target.closest("li") && (menu.open = false));
  menu.addEventListener("keydown", (event) => {
    if (event.key !== "Escape") return;
    menu.open = false;
    menu.querySelector("summary").focus();
  });
  return menu;
}

async function download(path, accept, fileName) {
  const answer = await ask(`${path}/${CITED}`, { accept });
  const address = URL.createObjectURL(fileOf(answer, accept));
  const link = h("a", { href: address, download: fileName });
  document.body.append(link);
  link.click();
  link.remove();
  setTimeout(() => URL.revokeObjectURL(address), 10_000);
}

function fileOf(answer, type) {
  if (answer instanceof Blob) return answer;
  const text = typeof answer === "string" ? answer : JSON.stringify(answer, null, 2);
  return new Blob([text], { type: `${type};charset=utf-8` });
}

// A name that every file system takes.
function fileName(run) {
  const title = (run.documents[0]?.title || "").replace(/[^\p{L}\p{N}_-]+/gu, " ").trim().slice(0, 60);
  return title ? `${title} - ${word("summary")}` : word("summary");
}

function deleteButton(remove) {
  const menu = h("details", { class: "menu" });
  const keep = h("button", { type: "button", class: "quiet", onclick: () => (menu.open = false) }, word("keep"));
  const sure = h("button", { type: "button", class: "danger", onclick: remove }, word("delete"));
  return add(
    menu,
    h("summary", { class: "button quiet" }, word("delete")),
    h("div", { class: "ask" }, h("p", {}, word("delete_sure")), h("p", { class: "row" }, sure, keep)),
  );
}

