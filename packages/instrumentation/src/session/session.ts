import type { Attributes } from '@opentelemetry/api';
import { say } from '../say.ts';

/** Who gave a session its id, strongest first. Recorded as `turnkeeper.session.source`. */
export type SessionSource = 'explicit' | 'attached' | 'context' | 'baggage' | 'environment' | 'engine' | 'generated';

/** What is known of a session besides its id. */
export interface SessionDetails {
  /** The session that this one continues. */
  readonly previousId?: string | undefined;
  /** The session that encloses this one: a sub-agent's, inside a tool of another. */
  readonly parent?: Session | undefined;
  readonly applicationName?: string | undefined;
  readonly userId?: string | undefined;
  /** The caller's own, checked and bounded: on every span of the session. */
  readonly attributes?: Attributes | undefined;
}

/** How much waits for a session's id, and how long. */
export interface LateLimits {
  /** How many ended things one session holds back; past it the oldest leaves without an id. */
  readonly limit: number;
  /** How long the first of them waits, in milliseconds. */
  readonly deadlineMillis: number;
}

export const DEFAULT_LATE_LIMITS: LateLimits = { limit: 512, deadlineMillis: 5_000 };

type Task = () => void;

/**
 * One conversation, as the runs in it share it. Its id is bound at most once. Until then, or until it is settled
 * without one, what is open is told when the id is known, and what has ended is held back, in order.
 */
export class Session {
  readonly applicationName: string | undefined;
  readonly userId: string | undefined;
  readonly attributes: Attributes | undefined;
  /** What every span of the session carries; made once the id is known. Kept by session-attributes.ts. */
  stamps: Attributes | undefined;
  /** Further names that backends want the id under. */
  readonly aliases: Set<string> = new Set();
  readonly #limits: LateLimits;
  readonly #open = new Set<Task>();
  readonly #held: Task[] = [];
  /** Only where it is not settled yet: of sessions each inside the one before, the last would keep all. */
  #parent: Session | undefined;
  #parentId: string | undefined;
  #id: string | undefined;
  #source: SessionSource | undefined;
  #previousId: string | undefined;
  #settled = false;
  #isLeaving = false;
  #deadline: NodeJS.Timeout | undefined;

  constructor(details: SessionDetails = {}, limits: LateLimits = DEFAULT_LATE_LIMITS) {
    this.#parentId = details.parent?.id;
    if (!details.parent?.isSettled) this.#parent = details.parent;
    this.applicationName = details.applicationName;
    this.userId = details.userId;
    this.attributes = details.attributes;
    this.#previousId = details.previousId;
    this.#limits = limits;
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

  /** The id of the session that encloses this one. */
  get parentId(): string | undefined {
    return this.#parentId ?? this.#parent?.id;
  }

  /** Whether the id is known, or known to be absent, and that of the session around this one too. */
  get isSettled(): boolean {
    return this.#settled && this.#parent?.isSettled !== false;
  }

  /** The first bind wins. The caller has validated the id. */
  bind(id: string, source: SessionSource): void {
    if (this.#settled) return;
    this.#id = id;
    this.#source = source;
    this.#settle();
  }

  /** Backends want the id under these names as well. */
  alsoAs(names: readonly string[]): void {
    if (names.every((name) => this.aliases.has(name))) return;
    for (const name of names) this.aliases.add(name);
    this.stamps = undefined;
  }

  /** The session that this one continues, said by an engine. */
  continues(previousId: string): void {
    this.#previousId ??= previousId;
  }

  /** No id will come. */
  settle(): void {
    if (!this.#settled) this.#settle();
  }

  /** Runs `task` once the id is known, or known to be absent: now, if it is. Returns what forgets the task. */
  whenKnown(task: Task): () => void {
    if (!this.#settled) {
      this.#open.add(task);
      return () => this.#open.delete(task);
    }
    if (this.#parent?.isSettled === false) return this.#parent.whenKnown(task);
    task();
    return () => {};
  }

  /** Holds back something that has ended until the id is known, the deadline, the limit, or a flush. Keeps the order. */
  hold(task: Task): void {
    // What a leaving span's end sets off at the processors leaves with it.
    if (this.isSettled || this.#isLeaving) task();
    else if (this.#settled) this.#parent?.hold(task);
    else {
      this.#held.push(task);
      this.#leave(this.#held.length - this.#limits.limit);
      if (this.#held.length > 0) {
        this.#deadline ??= setTimeout(() => this.release(), this.#limits.deadlineMillis).unref();
      }
    }
  }

  /** What is held back leaves without an id. The id may still come, for what ends later. */
  release(): void {
    clearTimeout(this.#deadline);
    this.#deadline = undefined;
    this.#leave(this.#held.length);
    if (this.#settled) this.#parent?.release();
  }

  #settle(): void {
    this.#settled = true;
    clearTimeout(this.#deadline);
    const open = [...this.#open];
    this.#open.clear();
    for (const task of open) attempt(() => this.whenKnown(task));
    for (const task of this.#held.splice(0)) attempt(() => this.hold(task));
  }

  /** So many leave, the oldest first. */
  #leave(count: number): void {
    if (count <= 0 || this.#isLeaving) return;
    this.#isLeaving = true;
    for (const task of this.#held.splice(0, count)) attempt(task);
    this.#isLeaving = false;
  }
}

/** One that fails keeps no other back. */
function attempt(task: Task): void {
  try {
    task();
  } catch (error) {
    say('error', 'what waited for its session could not be passed on', error);
  }
}
