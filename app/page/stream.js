// Watches a run. A browser's EventSource comes back by itself after a break; where it gives up, we come back for it.

const AGAIN_MILLISECONDS = [1000, 2000, 4000, 8000];
const EVENTS = ["queued", "planned", "progress", "document", "draft", "ended", "retried", "finished", "goodbye"];

export class RunStream {
  constructor(id, after, onEvent, onConnection) {
    this.id = id;
    this.after = after;
    this.onEvent = onEvent;
    this.onConnection = onConnection;
    this.failures = 0;
    this.open();
  }

  open() {
    this.source = new EventSource(`v1/runs/${encodeURIComponent(this.id)}/stream?after=${this.after}`);
    this.source.onopen = () => {
      this.failures = 0;
      this.onConnection(true);
    };
    this.source.onerror = () => {
      this.onConnection(false);
      if (this.source.readyState !== EventSource.CLOSED) return;
      const wait = AGAIN_MILLISECONDS[Math.min(this.failures++, AGAIN_MILLISECONDS.length - 1)];
      this.timer = setTimeout(() => this.open(), wait);
    };
    for (const type of EVENTS) {
      this.source.addEventListener(type, (event) => {
        if (event.lastEventId) this.after = Number(event.lastEventId);
        this.onEvent(type, JSON.parse(event.data));
      });
    }
  }

  close() {
    clearTimeout(this.timer);
    this.source.close();
  }
}
