// How far a run is, in a bar and a line of words.

import { h, fill } from "./dom.js";
import { count, dollars, duration } from "./format.js";
import { word } from "./words.js";

const TICK_MILLISECONDS = 1_000;
const ACTIVE = ["queued", "running"];

export class ProgressView {
  constructor() {
    this.phase = h("h2", {});
    this.bar = h("progress", { max: 1, value: 0, "aria-label": word("picture") });
    this.line = h("p", { class: "facts live" });
    this.notice = h("p", { class: "notice", role: "status" });
    this.element = h("div", { class: "progress" }, this.phase, this.bar, this.line, this.notice);
    this.gate = null;
    this.timer = setInterval(() => this.tick(), TICK_MILLISECONDS);
  }

  close() {
    clearInterval(this.timer);
  }

  show(run) {
    const wasActive = this.isActive;
    this.isActive = ACTIVE.includes(run.status);
    this.element.classList.toggle("is-over", !this.isActive);
    if (this.isActive !== wasActive) this.restart();
    this.told({ progress: run.progress, run_usage: run.usage, gate: this.gate });
  }

  // Of two tellings the one that is further counts: the run and its stream come on different ways.
  told({ progress, run_usage: usage, gate = null }) {
    this.gate = gate;
    const before = this.counted;
    if (!before || progress.done >= before.done || progress.phase === "finished") {
      this.counted = progress;
      this.usage = usage;
      // A telling of nothing new makes nothing take longer.
      const isNew = !before || progress.done !== before.done || progress.eta_seconds !== before.eta_seconds;
      if (isNew) this.etaUntil = progress.eta_seconds === null ? null : performance.now() + progress.eta_seconds * 1000;
    }
    this.render();
  }

  // The run is tried again: what was counted before counts no more.
  restart() {
    this.counted = null;
  }

  tick() {
    if (this.isActive && this.counted) this.render();
  }

  note(text) {
    this.notice.textContent = text;
  }

  render() {
    const { phase, done, total } = this.counted;
    this.phase.textContent = word(this.isActive ? `phase_${phase}` : "picture_done") || phase;
    if (total) this.bar.value = done / total;
    else this.bar.removeAttribute("value");
    if (!this.isActive) this.bar.value = total ? done / total : 1;
    fill(this.line, this.facts().map((fact) => h("span", {}, fact)));
  }

  facts() {
    const { done, total, failed } = this.counted;
    const { usage, gate } = this;
    const tokens = usage.prompt_tokens + usage.completion_tokens;
    const left = this.etaUntil === null ? null : (this.etaUntil - performance.now()) / 1000;
    const isAtWork = this.isActive && gate;
    return [
      total > 0 && word("calls_done", { done, total }),
      failed > 0 && `${count(failed)} ${word("legend_failed")}`,
      this.isActive && left !== null && left > 0 && word("eta", duration(Math.max(1, left))),
      isAtWork && gate.in_flight > 0 && word("in_flight", gate.in_flight),
      isAtWork && gate.waiting > 0 && word("gate_waiting", gate.waiting),
      isAtWork && gate.paused_seconds > 0 && word("paused", duration(gate.paused_seconds)),
      tokens > 0 && word("tokens", tokens),
      usage.remembered > 0 && word("remembered_calls", usage.remembered),
      usage.cost_usd > 0 && dollars(usage.cost_usd),
    ].filter(Boolean);
  }
}
