// Asks the service. Whatever goes wrong comes out as a Problem, which `problems.js` puts into words.

import { labelsOf } from "./folders.js";

export class Problem extends Error {
  constructor(problem) {
    super(problem.title || "");
    this.problem = problem;
    this.type = String(problem.type || "").replace("urn:precis:problem:", "");
    this.status = problem.status || 0;
  }
}

export async function ask(path, { method = "GET", json, form, accept = "application/json", headers = {}, signal } = {}) {
  const body = form || (json === undefined ? undefined : JSON.stringify(json));
  const more = json === undefined ? {} : { "Content-Type": "application/json" };
  let answer;
  try {
    answer = await fetch(path, { method, body, signal, headers: { Accept: accept, ...more, ...headers } });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Problem({ type: "unreachable" });
  }
  if (answer.ok) {
    if (answer.status === 204) return null;
    if (accept === "application/json") return answer.json();
    return accept.startsWith("text/") ? answer.text() : answer.blob();
  }
  throw new Problem(await problemOf(answer));
}

async function problemOf(answer) {
  const known = { status: answer.status };
  try {
    return { ...known, ...(await answer.json()) };
  } catch {
    return { ...known, type: "unexpected", title: answer.statusText };
  }
}

// A name for one request, so that it may be sent again without making a second run.
export function requestKey() {
  return Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, "0")).join("");
}

export function batchForm(documents, options) {
  const form = new FormData();
  const labels = labelsOf(documents);
  documents.forEach(({ file, name }, at) => {
    const own = name.replace(/[/\\]/g, "\u2215"); // what stands before a slash is the document's group
    form.append("files", file, labels[at] ? `${labels[at]}/${own}` : own);
  });
  form.append("options", JSON.stringify(options));
  return form;
}
