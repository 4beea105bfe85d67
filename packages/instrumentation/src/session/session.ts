/** Who gave a session its id, strongest first. Recorded as `turnkeeper.session.source`. */
export type SessionSource = 'explicit' | 'attached' | 'context' | 'baggage' | 'engine' | 'generated';

/** What is known of a session besides its id. */
export interface SessionDetails {
  /** The session that this one continues. */
  readonly previousId?: string | undefined;
  /** The session that encloses this one: a sub-agent's, inside a tool of another. */
  readonly parent?: Session | undefined;
}

/** At most this many tasks wait for one session's id; with one more, the session is settled without an id. */
const MAX_WAITING = 512;

/**
 * One conversation, as the runs in it share it. Its id is bound at most once; until then, or until it is settled
 * without one, whoever needs the id waits.
 */
export class Session {
  readonly parent: Session | undefined;
  #id: string | undefined;
  #source: SessionSource | undefined;
  #previousId: string | undefined;
  #settled = false;
  #waiting: ((id: string | undefined) => void)[] = [];

  constructor(details: SessionDetails = {}) {
    this.parent = details.parent;
    this.#previousId = details.previousId;
  }

  /** The id; undefined while it is not known, and for good when there is none. */
  get id(): string | undefined {
    return this.#id;
  }

  get source(): SessionSource | undefined {
    return this.#source;
  }

  /** The session that this one continues, where somebody said so. */
  get previousId(): string | undefined {
    return this.#previousId === this.#id ? undefined : this.#previousId;
  }

  /** Whether the id is known, or known to be absent. */
  get isSettled(): boolean {
    return this.#settled;
  }

  /** The first bind wins. The caller has validated the id. */
  bind(id: string, source: SessionSource): void {
    if (this.#settled) return;
    this.#id = id;
    this.#source = source;
    this.#settle();
  }

  /** The session that this one continues, said by an engine. */
  continues(previousId: string): void {
    this.#previousId ??= previousId;
  }

  /** No id will come. */
  settle(): void {
    if (!this.#settled) this.#settle();
  }

  /** Runs `task` once the id is known, or known to be absent: now, if it is. */
  whenKnown(task: (id: string | undefined) => void): void {
    if (this.#settled) {
      task(this.#id);
      return;
    }
    if (this.#waiting.length >= MAX_WAITING) this.#settle();
    if (this.#settled) task(this.#id);
    else this.#waiting.push(task);
  }

  #settle(): void {
    this.#settled = true;
    for (const task of this.#waiting.splice(0)) task(this.#id);
  }
}
