import type { Session } from '../session/session.ts';

/** The sessions whose id is still to come: what is held back in them is let go at a flush. */
export class LateSessions {
  readonly #sessions = new Set<Session>();

  add(session: Session): void {
    if (this.#sessions.has(session)) return;
    this.#sessions.add(session);
    session.whenKnown(() => this.#sessions.delete(session));
  }

  release(): void {
    for (const session of this.#sessions) session.release();
  }
}
