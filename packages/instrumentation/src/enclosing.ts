import type { Context } from '@opentelemetry/api';
import type { Run } from './run.ts';
import { frameIn, withFrame, type Attached } from './session/active-session.ts';

/**
 * Where a place is, not counting runs that are over, or that were dropped as another adapter's. A session that was bound
 * in the shadow of one stays: a queue may have been started by whoever came first.
 */
export function aroundWhatIsOver(active: Context): Context {
  let base = active;
  for (let frame = frameIn(base); frame?.run?.phase() === 'closed'; frame = frameIn(base)) {
    const { session, run } = frame;
    base = session === run.session ? run.base : withFrame(run.base, { session, run: frameIn(run.base)?.run });
  }
  return base;
}

/**
 * Whether a run is known already: of two adapters on one call, or of one on a class and on a class that extends it, the
 * inner one sees the same work again, directly inside the outer one's run. What was put in a session of its own there is
 * work of its own.
 */
export function isSeenTwice({ base, engine }: Run, { target }: Attached): boolean {
  const { session, run: around } = frameIn(base) ?? {};
  if (around?.phase() !== 'open' || session !== around.session) return false;
  if (around.engine === engine && !isExtended(target.deref(), around.attachment.target.deref())) return false;
  return around.kind === 'run' || around.kind === 'model';
}

function isExtended(target: object | undefined, by: object | undefined): boolean {
  return target !== undefined && by !== undefined && Object.prototype.isPrototypeOf.call(target, by);
}
