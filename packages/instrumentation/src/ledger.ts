import type { SpanContext } from '@opentelemetry/api';
import { keptOn, Recent } from './kept.ts';
import { isFunction, isObject } from './narrow.ts';
import { say } from './say.ts';
import type { RunOptions } from './settings.ts';

/** How many sessions' last turns are remembered at least; those unused for longest go first. */
const SESSIONS = 10_000;

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
  /** What whoever set the provider up wants wherever engines are observed, and nothing else is said. */
  defaults: RunOptions = {};
  readonly #turns = new Recent<string, Turn>(SESSIONS);
  readonly #seen = new Recent<string, true>(SESSIONS);
  readonly #warned = new Set<string>();

  /** The ledger of a tracer provider; made when there is none yet. */
  static of(provider: object): Ledger {
    return keptOn(delegateOf(provider), LEDGER, isLedger, () => new Ledger());
  }

  /** Enters the next turn of a session; returns its number and the turn before. */
  enterTurn(sessionId: string, span?: SpanContext): { readonly number: number; readonly previous: Turn | undefined } {
    const previous = this.#turns.get(sessionId);
    const number = (previous?.number ?? 0) + 1;
    this.#turns.set(sessionId, { number, span });
    return { number, previous };
  }

  /** Whether this is the first that is heard of a session. */
  isFirstOf(sessionId: string): boolean {
    const isFirst = this.#seen.get(sessionId) === undefined;
    this.#seen.set(sessionId, true);
    return isFirst;
  }

  /** Warns in the diagnostic log, once for each message. */
  warnOnce(message: string, ...details: readonly unknown[]): void {
    if (this.#warned.has(message) || this.#warned.size >= MAX_WARNINGS) return;
    this.#warned.add(message);
    say('warn', message, ...details);
  }
}

/** The API hands out a proxy that stays the same when the provider behind it is replaced. */
function delegateOf(provider: object): object {
  const getDelegate: unknown = Reflect.get(provider, 'getDelegate');
  const delegate: unknown = isFunction(getDelegate) ? getDelegate.call(provider) : undefined;
  return isObject(delegate) ? delegate : provider;
}

/** By shape: it may be another copy of this package that made it. */
function isLedger(value: unknown): value is Ledger {
  return isObject(value) && 'enterTurn' in value && 'warnOnce' in value;
}
