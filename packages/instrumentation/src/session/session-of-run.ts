import type { Context } from '@opentelemetry/api';
import { sessionOf } from '../sdk/session-of.ts';
import { activeContext, frameIn, sessionAround } from './active-session.ts';
import { resolveSession } from './resolve-session.ts';
import { attachedSession } from './session-context.ts';
import { readDetails, sessionOptions, type SessionOptions } from './session-details.ts';
import { Session, type LateLimits, type SessionDetails, type SessionSource } from './session.ts';

/** Where the session of a run that starts now may come from. */
export interface RunSessionInputs {
  readonly base: Context;
  /** An option of the call that observes. */
  readonly explicit: string | SessionOptions | undefined;
  /** The execution objects, the nearest first. */
  readonly owners: readonly object[];
  /** `TURNKEEPER_SESSION_ID`. */
  readonly environment: string | undefined;
  readonly limits: LateLimits;
  readonly reject: (source: SessionSource, problem: string) => void;
}

/** The session of a run, and whether an engine's id may be bound to it: not where it was inherited. */
export interface RunSession {
  readonly session: Session;
  readonly ownsSession: boolean;
}

/** Reads the id once, at the start of a run. What the engine calls the conversation is offered afterwards. */
export function sessionOfRun(inputs: RunSessionInputs): RunSession {
  const { base, owners, environment, reject } = inputs;
  const around = frameIn(base);
  // A program may have passed on the span alone. One that was started in the shadow of a run that is over says nothing.
  const inherited = base === activeContext() ? sessionOf(base) : around?.session;
  const explicit = sessionOptions(inputs.explicit);
  const attached = attachedSession(owners, (problem) => reject('attached', problem));
  const isTrusted = inherited?.source === 'baggage';
  const resolved = resolveSession(
    {
      explicit: explicit?.sessionId,
      attached: attached?.sessionId,
      context: isTrusted ? undefined : inherited?.id,
      baggage: isTrusted ? inherited.id : undefined,
      environment,
    },
    reject,
  );
  const enclosing = sessionAround(base);
  // Inside a run whose own id is still to come, this run waits for the same one.
  const isInherited = resolved ? resolved.id === inherited?.id : enclosing !== undefined;
  if (inherited && isInherited && resolved?.source !== 'explicit' && resolved?.source !== 'attached') {
    return { session: inherited, ownsSession: false };
  }
  const given = resolved?.source === 'explicit' ? explicit : resolved?.source === 'attached' ? attached : undefined;
  const details: SessionDetails = given
    ? readDetails(given, (name, problem) => reject('explicit', `its ${name}: ${problem}`))
    : {};
  // What was said of the same session where it was bound holds too.
  const known = isInherited ? inherited : undefined;
  const session = new Session(
    {
      applicationName: details.applicationName ?? known?.applicationName,
      previousId: details.previousId ?? known?.previousId,
      userId: details.userId ?? known?.userId,
      attributes: details.attributes ?? known?.attributes,
      parent: enclosing,
    },
    inputs.limits,
  );
  if (resolved) session.bind(resolved.id, resolved.source);
  return { session, ownsSession: true };
}
