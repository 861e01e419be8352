// A run's calls as the picture shows them: a cell for each chunk, a row of merges for each level above.

export const WAITING = 0;
export const DONE = 1;
export const FAILED = 2;
export const SKIPPED = 3;

const CODES = { succeeded: DONE, failed: FAILED, skipped: SKIPPED };

export class Tree {
  constructor(planned, titles) {
    let base = 0;
    this.documents = planned.documents.map((document) => {
      const placed = { ...document, title: titles.get(document.id) ?? document.id, base };
      base += document.chunks;
      return placed;
    });
    this.byId = new Map(this.documents.map((document) => [document.id, document]));
    this.cells = new Uint8Array(base);
    this.levels = planned.levels.map((total) => ({ total, done: 0, failed: 0 }));
    this.failures = new Map(); // by place: a call that fails and is tried again with success is no failure any more
  }

  // Notes a call that has ended; returns the number of its cell, or -1 when it is none of a chunk.
  add(step) {
    const place = `${step.kind} ${step.document} ${step.part} ${step.start} ${step.end} ${step.level}`;
    const before = this.failures.delete(place);
    if (step.status === "failed") this.failures.set(place, step);
    if (step.kind === "map") {
      const document = this.byId.get(step.document);
      if (!document || step.part >= document.chunks) return -1;
      this.cells[document.base + step.part] = CODES[step.status] || DONE;
      return document.base + step.part;
    }
    const level = this.levels[step.level - 1];
    if (level) {
      if (before) level.failed -= 1;
      else level.done = Math.min(level.total, level.done + 1);
      if (step.status === "failed") level.failed += 1;
    }
    return -1;
  }

  // The document and the chunk of a cell.
  at(cell) {
    let low = 0;
    let high = this.documents.length - 1;
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if (this.documents[middle].base <= cell) low = middle;
      else high = middle - 1;
    }
    const document = this.documents[low];
    return { document, part: cell - document.base, status: this.cells[cell] };
  }
}
