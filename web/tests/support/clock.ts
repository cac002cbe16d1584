import type { Clock } from "../../src/session/clock";

/** Time that stands still until a test moves it. */
export class TestClock implements Clock {
  #now = 0;
  #tasks: { readonly at: number; readonly task: () => void }[] = [];

  now(): number {
    return this.#now;
  }

  after(ms: number, task: () => void): () => void {
    const entry = { at: this.#now + ms, task };
    this.#tasks.push(entry);
    return () => {
      this.#tasks = this.#tasks.filter((other) => other !== entry);
    };
  }

  /** Moves on by `ms`, running what falls due on the way, in order. */
  advance(ms: number): void {
    const until = this.#now + ms;
    for (;;) {
      const due = this.#tasks.filter((entry) => entry.at <= until);
      const first = due.reduce<(typeof due)[number] | undefined>(
        (best, entry) => (best && best.at <= entry.at ? best : entry),
        undefined,
      );
      if (!first) break;
      this.#tasks = this.#tasks.filter((entry) => entry !== first);
      this.#now = Math.max(this.#now, first.at);
      first.task();
    }
    this.#now = until;
  }
}
