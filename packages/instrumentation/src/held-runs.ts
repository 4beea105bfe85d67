import { ROOT_CONTEXT, type Context } from '@opentelemetry/api';
import { Recent } from './kept.ts';
import type { CallerName, Millis, RunEvent, RunId, RunStart } from './run-event.ts';

/** How many callers are known at least, and how many waited for; the oldest go first. */
const MAX_CALLERS = 1_000;

/** How many events wait for one caller; the oldest goes first. */
const MAX_EVENTS = 128;

/** How long they wait, in milliseconds. */
const CALLER_DEADLINE = 10_000;

/** An event with what it needs to be received later. */
export interface HeldEvent {
  readonly event: Exclude<RunEvent, { type: 'session.end' }>;
  readonly at: Millis;
  readonly base: Context;
}

/** What the held events of one caller need. */
interface Waiting {
  readonly events: HeldEvent[];
  readonly cancel: () => void;
}

export interface HeldRunsOptions {
  readonly after: (milliseconds: number, work: () => void) => () => void;
  /** What goes on without its caller. */
  readonly release: (events: readonly HeldEvent[]) => void;
  readonly warn: (message: string) => void;
}

/**
 * Runs whose start came in somebody else's context, before it was known whose session they are in: they are held as
 * events, and go on with their own times once the caller is named, or at a deadline without one.
 */
export class HeldRuns {
  readonly #options: HeldRunsOptions;
  readonly #callers = new Recent<CallerName, Context>(MAX_CALLERS);
  readonly #waiting = new Map<CallerName, Waiting>();
  readonly #callerOf = new Map<RunId, CallerName>();

  constructor(options: HeldRunsOptions) {
    this.#options = options;
  }

  /** Whether the event belongs to a held run, and so is held too. */
  keep(event: HeldEvent['event'], at: Millis): boolean {
    const name = this.#callerOf.get(event.run);
    const waiting = name === undefined ? undefined : this.#waiting.get(name);
    waiting?.events.push({ event, at, base: ROOT_CONTEXT });
    if (waiting && waiting.events.length > MAX_EVENTS) this.#dropOldest(waiting.events);
    return waiting !== undefined;
  }

  /** The context that is kept under this name. */
  contextOf(name: CallerName): Context | undefined {
    return this.#callers.get(name);
  }

  /** The context of the run's caller, where it is known. Else the run is held. */
  callerOf(event: RunStart, at: Millis): Context | undefined {
    const name = event.caller ?? '';
    const known = this.#callers.get(name);
    if (known) return known;
    if (!this.#waiting.has(name)) {
      const cancel = this.#options.after(CALLER_DEADLINE, () => this.#options.release(this.take(name)));
      this.#waiting.set(name, { events: [], cancel });
      const [oldest = name] = this.#waiting.keys();
      if (this.#waiting.size > MAX_CALLERS) this.#options.release(this.take(oldest));
    }
    this.#callerOf.set(event.run, name);
    this.keep(event, at);
    return undefined;
  }

  /** Keeps a caller's context; gives the events that waited for it. */
  name(name: CallerName, base: Context): HeldEvent[] {
    this.#callers.set(name, base);
    return this.take(name).map((held) => ({ ...held, base }));
  }

  /** The events that wait for this caller, and wait no longer. */
  take(name: CallerName): HeldEvent[] {
    const { events = [], cancel } = this.#waiting.get(name) ?? {};
    cancel?.();
    this.#waiting.delete(name);
    for (const { event } of events) this.#callerOf.delete(event.run);
    return events;
  }

  all(): HeldEvent[] {
    return [...this.#waiting.keys()].flatMap((name) => this.take(name));
  }

  /** A run's start stays while anything of the run is there: without it, nothing of the run could be told. */
  #dropOldest(events: HeldEvent[]): void {
    this.#options.warn(`more than ${MAX_EVENTS} events came before their caller: the oldest are left out`);
    const oldest = events.findIndex(({ event }) => event.type !== 'run.start');
    const [dropped] = events.splice(Math.max(oldest, 0), 1);
    if (dropped?.event.type !== 'run.start' && dropped?.event.type !== 'run.end') return;
    const { run } = dropped.event;
    this.#callerOf.delete(run);
    events.splice(0, Infinity, ...events.filter(({ event }) => event.run !== run));
  }
}
