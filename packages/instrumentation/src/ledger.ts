import { diag, type SpanContext } from '@opentelemetry/api';

/** How many sessions' last turns are remembered; the session unused for longest goes first. */
const MAX_SESSIONS = 10_000;

/** How many kinds of warning are remembered. */
const MAX_WARNINGS = 1_000;

/** One turn of a session. */
export interface Turn {
  /** 1 for the first turn of the session that this process saw. */
  readonly number: number;
  /** Undefined where the turn has no span of ours. */
  readonly span: SpanContext | undefined;
}

const LEDGER = Symbol.for('turnkeeper.ledger');

/**
 * What outlives one attachment (a resumed conversation is a new one): the last turn of each session, and which
 * warnings were given. It belongs to the tracer provider, so it is shared by all that writes to the same place, and
 * dies with it.
 */
export class Ledger {
  readonly #turns = new Map<string, Turn>();
  readonly #seen = new Set<string>();
  readonly #warned = new Set<string>();

  /** The ledger of a tracer provider; made when there is none yet. */
  static of(provider: object): Ledger {
    const owner = delegateOf(provider);
    const existing: unknown = Reflect.get(owner, LEDGER);
    // By shape: it may be another copy of this package that made it.
    if (isLedger(existing)) return existing;
    const ledger = new Ledger();
    Reflect.defineProperty(owner, LEDGER, { value: ledger, configurable: true });
    return ledger;
  }

  /** Enters the next turn of a session; returns its number and the turn before. */
  enterTurn(sessionId: string, span?: SpanContext): { readonly number: number; readonly previous: Turn | undefined } {
    const previous = this.#turns.get(sessionId);
    const number = (previous?.number ?? 0) + 1;
    this.#turns.delete(sessionId);
    this.#turns.set(sessionId, { number, span });
    if (this.#turns.size > MAX_SESSIONS) {
      const oldest = this.#turns.keys().next();
      if (!oldest.done) this.#turns.delete(oldest.value);
    }
    return { number, previous };
  }

  /** Whether this is the first that is heard of a session. */
  isFirstOf(sessionId: string): boolean {
    if (this.#seen.has(sessionId)) return false;
    this.#seen.add(sessionId);
    if (this.#seen.size > MAX_SESSIONS) {
      const oldest = this.#seen.values().next();
      if (!oldest.done) this.#seen.delete(oldest.value);
    }
    return true;
  }

  /** Warns in the diagnostic log, once for each message. */
  warnOnce(message: string): void {
    if (this.#warned.has(message) || this.#warned.size >= MAX_WARNINGS) return;
    this.#warned.add(message);
    diag.warn(`turnkeeper: ${message}`);
  }
}

/** The API hands out a proxy that stays the same when the provider behind it is replaced. */
export function delegateOf(provider: object): object {
  const getDelegate: unknown = Reflect.get(provider, 'getDelegate');
  const delegate: unknown = typeof getDelegate === 'function' ? getDelegate.call(provider) : undefined;
  return typeof delegate === 'object' && delegate !== null ? delegate : provider;
}

function isLedger(value: unknown): value is Ledger {
  return typeof value === 'object' && value !== null && 'enterTurn' in value && 'warnOnce' in value;
}
