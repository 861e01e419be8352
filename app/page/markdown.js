// A small part of Markdown as elements: headings, lists, quotes, code, bold, italics. Links, pictures and HTML stay the
// text that they are. `marks` are sentences of the text: { start, end, wrap(children), after() }.

import { h, add } from "./dom.js";

const HEADING = /^(#{1,6})\s+(.*?)\s*#*$/;
const ITEM = /^\s*(?:[-*+]|(\d{1,9})[.)])\s+(.*)$/;
const RULE = /^\s*([-*_])(?:\s*\1){2,}\s*$/;
const OPEN = "\ue000";
const CLOSE = "\ue001";
const TOKEN = /\ue000\d+;|\ue001\d+;|\\[!-/:-@[-`{-~]|\*\*|__|`[^`\n]+`|\*|_/g;

export function markdown(text, marks = []) {
  const root = document.createDocumentFragment();
  const context = { marks, open: null };
  let list = null;
  let lines = [];
  const flush = () => {
    if (lines.length) root.append(h("p", { dir: "auto" }, inline(lines.join("\n"), context)));
    lines = [];
  };
  for (const line of marked(text, marks).split("\n")) {
    const bare = line.replace(/[\ue000\ue001]\d+;/g, "");
    const lead = line.slice(0, line.length - line.replace(/^(?:[\ue000\ue001]\d+;)+/, "").length);
    const rest = line.slice(lead.length);
    const heading = HEADING.exec(rest);
    const item = !RULE.test(bare) && ITEM.exec(rest);
    if (!bare.trim()) {
      flush();
      list = null;
      if (line) lines.push(line);
    } else if (heading) {
      flush();
      list = null;
      root.append(h(`h${Math.min(6, heading[1].length + 2)}`, { dir: "auto" }, inline(lead + heading[2], context)));
    } else if (item) {
      flush();
      const tag = item[1] ? "ol" : "ul";
      if (!list || list.localName !== tag) root.append((list = h(tag, { start: item[1] && Number(item[1]) })));
      list.append(h("li", { dir: "auto" }, inline(lead + item[2], context)));
    } else if (RULE.test(bare)) {
      flush();
      list = null;
      root.append(h("hr"));
    } else if (list && /^\s/.test(rest)) {
      add(list.lastChild, " ", inline(line.trim(), context));
    } else if (bare.startsWith("> ")) {
      flush();
      root.append(h("blockquote", { dir: "auto" }, inline(lead + rest.slice(2), context)));
    } else {
      list = null;
      lines.push(line);
    }
  }
  flush();
  return root;
}

function marked(text, marks) {
  let out = "";
  let at = 0;
  const clean = (part) => part.replace(/[\ue000\ue001]/g, "\ufffd");
  marks.forEach((mark, number) => {
    out += `${clean(text.slice(at, mark.start))}${OPEN}${number};${clean(text.slice(mark.start, mark.end))}`;
    out += `${CLOSE}${number};`;
    at = mark.end;
  });
  return out + clean(text.slice(at));
}

// Emits leaves one by one with the styles of the moment, so that nothing has to nest.
function inline(source, context) {
  const out = [];
  const styles = { strong: false, em: false };
  let at = 0;
  let group = context.open === null ? null : [];
  const leaf = (text, tag) => {
    if (!text) return;
    let node = tag ? h(tag, {}, text) : text;
    if (styles.em) node = h("em", {}, node);
    if (styles.strong) node = h("strong", {}, node);
    (group || out).push(node);
  };
  const close = () => {
    if (group && group.length) out.push(context.marks[context.open].wrap(group));
    group = null;
  };
  for (const found of source.matchAll(TOKEN)) {
    leaf(source.slice(at, found.index));
    const token = found[0];
    at = found.index + token.length;
    if (token[0] === OPEN) {
      context.open = Number(token.slice(1, -1));
      group = [];
    } else if (token[0] === CLOSE) {
      close();
      context.open = null;
      out.push(...[context.marks[Number(token.slice(1, -1))].after()].flat());
    } else if (token[0] === "\\") leaf(token[1]);
    else if (token[0] === "`") leaf(token.slice(1, -1), "code");
    else {
      const style = token.length === 2 ? "strong" : "em";
      if (styles[style] || opens(source, found.index, token)) styles[style] = !styles[style];
      else leaf(token);
    }
  }
  leaf(source.slice(at));
  close();
  return out;
}

function opens(source, at, token) {
  const next = source[at + token.length];
  if (!next || /\s/.test(next)) return false;
  if (token[0] === "_" && /[\p{L}\p{N}]/u.test(source[at - 1] || "")) return false;
  return source.indexOf(token, at + token.length) > 0;
}
