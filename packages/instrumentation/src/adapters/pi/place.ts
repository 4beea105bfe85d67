import type { Tap } from '../../adapter.ts';
import { readModel, text, type PiNative, type PiPlace, type PiSession } from './native.ts';

/** Whether nobody hears of the calls of the run at work here: it is not sampled, and nobody measures. */
export function isUnheard(tap: Tap<PiNative>): boolean {
  return tap.place()?.isRecorded === false;
}

export function placeOf(session: PiSession, tap: Tap<PiNative>): PiPlace {
  return { run: tap.here() ?? undefined, fresh: tap.mint(), ...identityOf(session) };
}

/** The id is read when a run starts: after a fork, the old session object answers with the new session's id. */
export function identityOf(session: PiSession): {
  readonly session: string | undefined;
  readonly provider: string | undefined;
} {
  return { session: text(session.sessionId), provider: readModel(session.model).provider };
}
