// Draws the tree of a run on a canvas: merges above, chunks below, document by document. Only what has changed is drawn
// again, so that ten thousand cells cost no more than the few that move.

import { DONE, FAILED, SKIPPED } from "./tree.js";

const LARGEST = 20; // pixels of a cell with its gap
const SMALLEST = 5;
const AREA_HEIGHT = 360; // that the cells should fit in, where they can
const FEW_DOCUMENTS = 24; // that each begin a line, under their name
const LEVEL = 12; // pixels of a row of merges
const LEVEL_GAP = 7;
const LABEL = 22;
const FRESH_MILLISECONDS = 500; // that a cell stands out after it was read
const COLOURS = ["--cell", "--cell-done", "--cell-failed", "--cell-skipped", "--cell-fresh", "--muted", "--accent", "--line"];

export class Picture {
  constructor(canvas, tree, { onPick, onMove }) {
    this.canvas = canvas;
    this.tree = tree;
    this.pen = canvas.getContext("2d");
    this.dirty = new Set();
    this.fresh = new Map();
    this.cursor = -1;
    this.needsAll = true;
    this.isCalm = matchMedia("(prefers-reduced-motion: reduce)").matches;
    const controller = new AbortController();
    const { signal } = controller;
    canvas.addEventListener("pointermove", (event) => this.point(event, onMove), { signal });
    canvas.addEventListener("pointerleave", (event) => this.point(event, onMove), { signal });
    canvas.addEventListener("click", (event) => {
      const cell = this.cellAt(event);
      if (cell >= 0) onPick(cell);
    }, { signal });
    canvas.addEventListener("keydown", (event) => this.key(event, onPick, onMove), { signal });
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => this.redraw(), { signal });
    this.resizing = new ResizeObserver(() => this.redraw());
    this.resizing.observe(canvas.parentElement);
    this.close = () => {
      controller.abort();
      this.resizing.disconnect();
      cancelAnimationFrame(this.frame);
      this.frame = -1;
    };
  }

  changed(cell) {
    if (cell < 0) return;
    this.dirty.add(cell);
    if (!this.isCalm) this.fresh.set(cell, performance.now());
  }

  redraw() {
    this.needsAll = true;
    this.draw();
  }

  draw() {
    if (this.frame) return;
    this.frame = requestAnimationFrame(() => {
      this.frame = 0;
      this.paint();
    });
  }

  place() {
    const width = Math.max(1, Math.floor(this.canvas.parentElement.clientWidth));
    const total = this.tree.cells.length;
    const fits = Math.floor(Math.sqrt((width * AREA_HEIGHT) / Math.max(1, total)));
    const size = Math.max(SMALLEST, Math.min(LARGEST, fits));
    const isGrouped = this.tree.documents.length <= FEW_DOCUMENTS;
    const columns = Math.max(1, Math.floor(width / size));
    const top = this.tree.levels.length * (LEVEL + LEVEL_GAP) + 8;
    const xs = new Uint16Array(total);
    const ys = new Uint32Array(total);
    const labels = [];
    let column = 0;
    let y = top;
    for (const document of this.tree.documents) {
      if (isGrouped) {
        labels.push({ y, text: document.title });
        y += LABEL;
        column = 0;
      } else if (column > 0 && column < columns) column += 1; // a gap tells two documents apart
      for (let part = 0; part < document.chunks; part++, column++) {
        if (column >= columns) {
          column = 0;
          y += size;
        }
        xs[document.base + part] = column * size;
        ys[document.base + part] = y;
      }
      if (isGrouped) y += size + 8;
    }
    Object.assign(this, { width, size, columns, xs, ys, labels, height: y + (isGrouped ? 0 : size) });
  }

  paint() {
    if (this.needsAll) this.prepare();
    const now = performance.now();
    const cells = this.needsAll ? this.tree.cells.keys() : this.dirty;
    for (const cell of cells) this.cell(cell, now);
    this.dirty.clear();
    this.needsAll = false;
    this.levels();
    for (const [cell, since] of this.fresh) {
      if (now - since <= FRESH_MILLISECONDS) break;
      this.fresh.delete(cell);
      this.dirty.add(cell);
    }
    if (this.fresh.size || this.dirty.size) this.draw();
  }

  prepare() {
    this.place();
    const style = getComputedStyle(this.canvas);
    this.colours = Object.fromEntries(COLOURS.map((name) => [name, style.getPropertyValue(name).trim()]));
    const ratio = Math.min(2, devicePixelRatio || 1);
    this.canvas.width = this.width * ratio;
    this.canvas.height = this.height * ratio;
    this.canvas.style.height = `${this.height}px`;
    this.pen.setTransform(ratio, 0, 0, ratio, 0, 0);
    this.pen.font = "13px system-ui, sans-serif";
    this.pen.textBaseline = "middle";
    this.pen.fillStyle = this.colours["--muted"];
    for (const { y, text } of this.labels) this.pen.fillText(this.clipped(text), 0, y + LABEL / 2);
  }

  clipped(text) {
    let shown = text.slice(0, 200);
    if (this.pen.measureText(shown).width <= this.width) return shown;
    while (shown && this.pen.measureText(`${shown}…`).width > this.width) shown = shown.slice(0, -1);
    return `${shown}…`;
  }

  cell(cell, now) {
    const { pen, size } = this;
    const x = this.xs[cell];
    const y = this.ys[cell];
    const gap = size > 8 ? 3 : 1;
    const status = this.tree.cells[cell];
    pen.clearRect(x, y, size, size);
    pen.fillStyle = this.colours[this.colourOf(cell, status, now)];
    round(pen, x, y, size - gap, size - gap, size > 8 ? 3 : 0);
    if (status === FAILED && size > 8) {
      pen.fillStyle = this.colours["--cell"];
      pen.fillRect(x + (size - gap) / 2 - 1, y + 3, 2, size - gap - 9);
      pen.fillRect(x + (size - gap) / 2 - 1, y + size - gap - 5, 2, 2);
    }
    if (cell === this.cursor) {
      pen.strokeStyle = this.colours["--accent"];
      pen.lineWidth = 2;
      pen.strokeRect(x + 1, y + 1, size - gap - 2, size - gap - 2);
    }
  }

  colourOf(cell, status, now) {
    const since = this.fresh.get(cell);
    if (status === DONE && since !== undefined && now - since <= FRESH_MILLISECONDS) return "--cell-fresh";
    return { [DONE]: "--cell-done", [FAILED]: "--cell-failed", [SKIPPED]: "--cell-skipped" }[status] || "--cell";
  }

  // The levels from the last merge down, narrowing upwards.
  levels() {
    const { pen, width } = this;
    const levels = this.tree.levels;
    pen.clearRect(0, 0, width, levels.length * (LEVEL + LEVEL_GAP));
    levels.forEach((level, number) => {
      const y = (levels.length - 1 - number) * (LEVEL + LEVEL_GAP);
      const step = Math.min(28, (width - 2) / level.total);
      const gap = step > 6 ? 3 : 0;
      const left = (width - step * level.total) / 2;
      for (let merge = 0; merge < level.total; merge++) {
        const isDone = merge < level.done;
        const name = merge < level.failed ? "--cell-failed" : isDone ? "--accent" : "--cell";
        pen.fillStyle = this.colours[name];
        round(pen, left + merge * step, y, Math.max(0.5, step - gap), LEVEL, gap ? 3 : 0);
      }
    });
  }

  cellAt(event) {
    const box = this.canvas.getBoundingClientRect();
    const x = event.clientX - box.left;
    const y = event.clientY - box.top;
    for (let cell = 0; cell < this.xs.length; cell++) {
      const isInside = x >= this.xs[cell] && x < this.xs[cell] + this.size && y >= this.ys[cell] && y < this.ys[cell] + this.size;
      if (isInside) return cell;
    }
    return -1;
  }

  // A browser tells of a resting pointer too, when the page moves below it: that takes nothing from the keyboard.
  point(event, onMove) {
    const { clientX: x, clientY: y } = event;
    const isResting = x === this.pointerX && y === this.pointerY;
    this.pointerX = x;
    this.pointerY = y;
    if (this.isKeyed && (isResting || event.type === "pointerleave")) return;
    this.isKeyed = false;
    this.move(event.type === "pointerleave" ? -1 : this.cellAt(event), onMove);
  }

  move(cell, onMove) {
    if (cell === this.cursor) return;
    if (this.cursor >= 0) this.dirty.add(this.cursor);
    if (cell >= 0) this.dirty.add(cell);
    this.cursor = cell;
    onMove(cell);
    this.draw();
  }

  key(event, onPick, onMove) {
    const last = this.tree.cells.length - 1;
    const steps = { ArrowRight: 1, ArrowLeft: -1, ArrowDown: this.columns, ArrowUp: -this.columns };
    if (event.key === "Enter" || event.key === " ") {
      if (this.cursor >= 0) onPick(this.cursor);
    } else if (event.key === "Home") this.move(0, onMove);
    else if (event.key === "End") this.move(last, onMove);
    else if (event.key in steps) {
      const to = this.cursor < 0 ? 0 : this.cursor + steps[event.key];
      this.move(Math.max(0, Math.min(last, to)), onMove);
    } else return;
    this.isKeyed = true;
    event.preventDefault();
  }
}

function round(pen, x, y, width, height, radius) {
  if (!radius) {
    pen.fillRect(x, y, width, height);
    return;
  }
  pen.beginPath();
  pen.roundRect(x, y, width, height, radius);
  pen.fill();
}
