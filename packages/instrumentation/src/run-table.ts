import type { Millis, RunId } from './run-event.ts';
import type { Run } from './run.ts';

/** How many runs one attachment keeps open; the oldest is closed as abandoned. */
const MAX_RUNS = 20_000;

/** How long the watchdog may be left without a run to watch: to stop and start it for each costs more than the rest. */
const MAX_INTERVAL = 10_000;

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
  readonly #watch: Watch = { table: undefined, timer: undefined };

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
      const [oldest] = this.#runs.values();
      if (oldest) this.#abandon(oldest);
    }
    this.#keepWatch();
  }

  remove(run: Run): void {
    this.#runs.delete(run.id);
    if (this.size === 0) this.#watch.table = undefined;
  }

  abandonAll(): void {
    for (const run of this.#runs.values()) this.#abandon(run);
    clearTimeout(this.#watch.timer);
  }

  /** Closes what has been silent for too long. */
  look(): void {
    const limit = this.#options.now() - this.#options.idleTimeoutMillis;
    for (const run of this.#runs.values()) if (!run.isWaiting && run.lastEventAt <= limit) this.#abandon(run);
    if (this.size > 0) this.#keepWatch();
  }

  #keepWatch(): void {
    const { idleTimeoutMillis } = this.#options;
    this.#watch.table = this;
    this.#watch.timer ??= setTimeout(lookAt, Math.min(idleTimeoutMillis / 4, MAX_INTERVAL), this.#watch).unref();
  }

  #abandon(run: Run): void {
    this.remove(run);
    this.#options.abandon(run);
  }
}

/** A timer keeps what it leads to alive, the engine's objects here: it leads to a table only while that has runs. */
interface Watch {
  table: RunTable | undefined;
  timer: NodeJS.Timeout | undefined;
}

function lookAt(watch: Watch): void {
  watch.timer = undefined;
  watch.table?.look();
}
