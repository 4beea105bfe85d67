import type { Millis, RunId } from './run-event.ts';
import type { Run } from './run.ts';

/** How many runs one attachment keeps open; the oldest is closed as abandoned. */
const MAX_RUNS = 20_000;

export interface RunTableOptions {
  /** A run without an event for this long is abandoned. Milliseconds. */
  readonly idleTimeoutMillis: number;
  readonly now: () => Millis;
  /** Called for a run that is too old or too many; it is out of the table by then. */
  readonly abandon: (run: Run) => void;
}

/** The runs of one attachment that are pending or open. Bounded in number, and in how long one stays silent. */
export class RunTable {
  readonly #options: RunTableOptions;
  readonly #runs = new Map<RunId, Run>();
  #watchdog: NodeJS.Timeout | undefined;

  constructor(options: RunTableOptions) {
    this.#options = options;
  }

  get size(): number {
    return this.#runs.size;
  }

  get(id: RunId): Run | undefined {
    return this.#runs.get(id);
  }

  add(run: Run): void {
    this.#runs.set(run.id, run);
    if (this.#runs.size > MAX_RUNS) {
      const oldest = this.#runs.values().next();
      if (!oldest.done) this.#abandon(oldest.value);
    }
    this.#watchdog ??= setInterval(() => this.#look(), this.#options.idleTimeoutMillis / 4).unref();
  }

  /** A timer keeps the engine's objects alive: there is one only while there are runs to watch. */
  remove(run: Run): void {
    this.#runs.delete(run.id);
    if (this.#runs.size > 0) return;
    clearInterval(this.#watchdog);
    this.#watchdog = undefined;
  }

  abandonAll(): void {
    for (const run of this.#runs.values()) this.#abandon(run);
  }

  #look(): void {
    const limit = this.#options.now() - this.#options.idleTimeoutMillis;
    for (const run of this.#runs.values()) if (!run.isWaiting && run.lastEventAt <= limit) this.#abandon(run);
  }

  #abandon(run: Run): void {
    this.remove(run);
    this.#options.abandon(run);
  }
}
