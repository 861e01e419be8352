// The page: which view stands at which address.

import { fill } from "./dom.js";
import { composeView } from "./compose.js";
import { language } from "./language.js";
import { listView } from "./list.js";
import { runView } from "./run.js";
import { word } from "./words.js";

const main = document.getElementById("main");
let close = () => {};
let shown = null;

function go(address) {
  location.hash = address;
}

function show() {
  const address = location.hash.replace(/^#\/?/, "");
  if (address === shown) return;
  const isFirst = shown === null;
  shown = address;
  close();
  fill(main);
  document.title = "Precis";
  const run = /^runs\/(.+)$/.exec(address);
  if (run) close = runView(main, decoded(run[1]), go);
  else if (address === "runs") close = listView(main);
  else close = composeView(main, go);
  for (const link of document.querySelectorAll(".top nav a")) {
    const isHere = link.getAttribute("href") === (address.startsWith("runs") ? "#/runs" : "#/");
    if (isHere) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
  if (!isFirst) {
    scrollTo(0, 0);
    main.focus({ preventScroll: true });
  }
}

function decoded(part) {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}

document.documentElement.lang = language;
for (const element of document.querySelectorAll("[data-words]")) element.textContent = word(element.dataset.words);
addEventListener("hashchange", show);
document.querySelector(".skip").addEventListener("click", (event) => {
  event.preventDefault();
  main.focus();
});
show();
