import type { Run } from './run.ts';
import { frameIn, type Attached } from './session/active-session.ts';

/**
 * Whether a run is known already: of two adapters on one call, or of one on a class and on a class that extends it, the
 * inner one sees the same work again, directly inside the outer one's run. What was put in a session of its own there, or
 * has one attached, is work of its own.
 */
export function isSeenTwice({ base, engine, session: own }: Run, { target }: Attached): boolean {
  const { session, run: around } = frameIn(base) ?? {};
  if (around?.phase() !== 'open' || session !== around.session) return false;
  const isOther =
    around.engine === engine ? !isExtended(target.deref(), around.attachment.target.deref()) : own.id !== session.id;
  return !isOther && (around.kind === 'run' || around.kind === 'model');
}

function isExtended(target: object | undefined, by: object | undefined): boolean {
  return !!target && !!by && Object.prototype.isPrototypeOf.call(target, by);
}
