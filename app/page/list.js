// All runs, newest first.

import { h, fill, name } from "./dom.js";
import { ask, Problem } from "./api.js";
import { share, when } from "./format.js";
import { problemBox } from "./problems.js";
import { word } from "./words.js";

export const STATUSES = ["queued", "running", "succeeded", "partial", "failed", "cancelled"];
const PAGE = 30;
const REFRESH_MILLISECONDS = 3_000;
const TYPING_MILLISECONDS = 250;

export function listView(root) {
  const search = h("input", { type: "search", id: "search", placeholder: word("search"), "aria-label": word("search") });
  const statuses = [["", word("any_status")], ...STATUSES.map((status) => [status, word(`status_${status}`)])];
  const status = h("select", { "aria-label": word("any_status") }, statuses.map(([value, label]) => h("option", { value }, label)));
  const rows = h("ul", { class: "runs" });
  const more = h("button", { type: "button", class: "quiet", hidden: true }, word("more"));
  const trouble = h("div");
  let next = null;
  let known = 0;
  let timer;
  let asked = 0;

  async function load(before) {
    const turn = ++asked;
    clearTimeout(timer);
    const wanted = { limit: before ? PAGE : Math.max(PAGE, Math.min(known, 500)), search: search.value.trim(), status: status.value };
    const query = new URLSearchParams(Object.entries({ ...wanted, before: before || "" }).filter(([, value]) => value));
    try {
      const page = await ask(`v1/runs?${query}`);
      if (turn !== asked) return;
      fill(trouble);
      const items = page.runs.map(row);
      if (before) rows.append(...items);
      else rows.replaceChildren(...items);
      known = rows.children.length;
      if (!known) rows.append(h("li", { class: "hint" }, word(search.value || status.value ? "list_none" : "list_empty")));
      next = page.next;
      more.hidden = !next;
      const isActive = page.runs.some((run) => run.status === "queued" || run.status === "running");
      timer = setTimeout(() => !rows.contains(document.activeElement) && load(), isActive ? REFRESH_MILLISECONDS : 10 * REFRESH_MILLISECONDS);
    } catch (error) {
      if (!(error instanceof Problem)) throw error;
      if (turn === asked) fill(trouble, problemBox(error, () => load()));
    }
  }

  more.addEventListener("click", () => load(next));
  status.addEventListener("change", () => load());
  search.addEventListener("input", () => {
    clearTimeout(timer);
    timer = setTimeout(() => load(), TYPING_MILLISECONDS);
  });
  fill(root, h("h1", {}, word("list_title")), h("div", { class: "row filters" }, search, status), trouble, rows, more);
  load();
  return () => {
    asked++;
    clearTimeout(timer);
  };
}

function row(run) {
  const { done, total } = run.progress;
  const part = run.status === "running" && total ? ` ${share(done / total)}` : "";
  const more = run.documents > 1 && h("span", { class: "hint" }, " ", word("title_more", run.documents - 1));
  return h(
    "li",
    {},
    h(
      "a",
      { href: `#/runs/${encodeURIComponent(run.id)}` },
      h("span", { class: "name" }, name(run.title || word("untitled")), more),
      h("span", { class: "hint model" }, run.options.model || ""),
      h("time", { class: "hint", datetime: run.created_at }, when(run.created_at)),
      h("span", { class: `status is-${run.status}` }, word(`status_${run.status}`), part),
    ),
  );
}
