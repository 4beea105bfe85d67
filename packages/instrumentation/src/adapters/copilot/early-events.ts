import type { Tap } from '../../adapter.ts';
import type { CopilotClient, CopilotNative } from './native.ts';
import { registeredIn } from './reading.ts';

/** How many signals of one session are kept until its creation has settled; the oldest event goes first. */
const MAX_EARLY = 128;

/** How many sessions can be early at a time. */
const MAX_SESSIONS = 64;

/**
 * A cloud session under way. To be called in the context of whoever creates it, once: with the id that the runtime has
 * given it, or without one where it failed.
 */
export type Creation = (session?: string) => void;

/** What can come early. */
type Early = Extract<CopilotNative, { kind: 'event' | 'request' | 'given' | 'refused' }>;

interface Held {
  readonly natives: CopilotNative[];
  /** The creations that this session could have come of: those under way at its first sign. */
  readonly candidates: ReadonlySet<Creation>;
}

/**
 * What comes of cloud sessions before the answer to their creation does. It is delivered, with its own times and in the
 * context of whoever creates the session, as soon as it is clear whose it is.
 */
export class EarlyEvents {
  readonly #client: CopilotClient;
  readonly #tap: Tap<CopilotNative>;
  readonly #sessions = new Map<string, Held>();
  readonly #creations = new Set<Creation>();

  constructor(client: CopilotClient, tap: Tap<CopilotNative>) {
    this.#client = client;
    this.#tap = tap;
  }

  /** Whether this may be a session that is being created, whose id only the runtime knows. */
  has(session: string): boolean {
    return this.#creations.size > 0 && !registeredIn(this.#client).has(session);
  }

  expect(): Creation {
    const creation: Creation = (session) => {
      this.#creations.delete(creation);
      if (session !== undefined) this.#release(session);
      this.#abandon(creation);
    };
    this.#creations.add(creation);
    return creation;
  }

  /** Requests outlast events: what the program was asked, and did not answer, must not get lost. */
  hold(session: string, signal: Early): void {
    const native = { ...signal, at: this.#tap.now() };
    const held = this.#sessions.get(session) ?? { natives: [], candidates: new Set(this.#creations) };
    if (held.natives.length === 0 && this.#sessions.size >= MAX_SESSIONS) {
      this.#tap.warn(`more than ${MAX_SESSIONS} sessions are early: events are lost`);
      return;
    }
    this.#sessions.set(session, held);
    held.natives.push(native);
    if (held.natives.length <= MAX_EARLY) return;
    const oldest = held.natives.findIndex(({ kind }) => kind === 'event');
    held.natives.splice(Math.max(0, oldest), 1);
    this.#tap.warn(`more than ${MAX_EARLY} events came before a session was created: events are lost`);
  }

  /** Nobody will ask for what is held. */
  drop(): void {
    if (this.#sessions.size > 0) this.#tap.warn('stopped before a session was created: its events are lost');
    this.#sessions.clear();
  }

  #release(session: string): void {
    const natives = this.#sessions.get(session)?.natives ?? [];
    this.#sessions.delete(session);
    for (const native of natives) this.#tap.deliver(native);
  }

  /** Sessions that can come of no creation any more failed. Where it is open whose they were, they are nobody's. */
  #abandon(settled: Creation): void {
    for (const [session, { candidates }] of this.#sessions) {
      if ([...candidates].some((creation) => this.#creations.has(creation))) continue;
      const isSole = candidates.size === 1 && candidates.has(settled);
      if (isSole) this.#tap.caller(session);
      else this.#tap.outside(() => this.#tap.caller(session));
      this.#release(session);
      this.#tap.deliver({ kind: 'closed', session, why: 'create_failed' });
    }
  }
}
