import { ROOT_CONTEXT, type Context } from '@opentelemetry/api';
import type { CallerName, Millis, RunEvent, RunId, RunStart } from './run-event.ts';

/** How many callers' contexts are kept; the oldest goes first. */
const MAX_CALLERS = 1_000;

/** How many events of one run are held before it goes on without its caller. */
const MAX_EVENTS = 512;

/** How long a run waits for its caller, in milliseconds. */
const CALLER_DEADLINE = 10_000;

/** An event with what it needs to be received later. */
export interface HeldEvent {
  readonly event: Exclude<RunEvent, { type: 'session.end' }>;
  readonly at: Millis;
  readonly base: Context;
}

interface HeldRun {
  readonly caller: CallerName;
  readonly events: HeldEvent[];
  readonly cancel: () => void;
}

/**
 * Runs whose start came in somebody else's context, before their caller was known: they are held as events, and go on
 * with their own times once the caller is named, or at a deadline without one.
 */
export class HeldRuns {
  readonly #after: (milliseconds: number, work: () => void) => () => void;
  readonly #callers = new Map<CallerName, Context>();
  readonly #runs = new Map<RunId, HeldRun>();

  constructor(after: (milliseconds: number, work: () => void) => () => void) {
    this.#after = after;
  }

  /** Whether the event belongs to a held run, and so is held too. A full run is let go at the next event. */
  keep(event: Exclude<RunEvent, { type: 'session.end' }>, at: Millis): boolean {
    const run = this.#runs.get(event.run);
    if (!run || run.events.length >= MAX_EVENTS) return false;
    run.events.push({ event, at, base: ROOT_CONTEXT });
    return true;
  }

  /** The context of the run's caller, where it is known. Else the run is held, and `expire` is called at the deadline. */
  callerOf(event: RunStart, at: Millis, expire: () => void): Context | undefined {
    const name = event.caller ?? '';
    const known = this.#callers.get(name);
    if (known) return known;
    const cancel = this.#after(CALLER_DEADLINE, expire);
    this.#runs.set(event.run, { caller: name, events: [{ event, at, base: ROOT_CONTEXT }], cancel });
    return undefined;
  }

  /** Keeps a caller's context; gives the events that waited for it. */
  name(name: CallerName, base: Context): HeldEvent[] {
    this.#callers.delete(name);
    this.#callers.set(name, base);
    if (this.#callers.size > MAX_CALLERS) {
      const oldest = this.#callers.keys().next();
      if (!oldest.done) this.#callers.delete(oldest.value);
    }
    const waiting = [...this.#runs].filter(([, run]) => run.caller === name);
    return waiting.flatMap(([id]) => this.give(id).map((held) => ({ ...held, base })));
  }

  /** The events of one held run, which is held no longer. */
  give(id: RunId): HeldEvent[] {
    const run = this.#runs.get(id);
    if (!run) return [];
    this.#runs.delete(id);
    run.cancel();
    return run.events;
  }

  all(): HeldEvent[] {
    return [...this.#runs.keys()].flatMap((id) => this.give(id));
  }
}
