import { listenToMethod, wrapMethod, type Patch, type RunId, type Tap } from '../../adapter.ts';
import { observeModels } from './models.ts';
import {
  isRecord,
  isRetrying,
  nameOf,
  readEvent,
  willSettle,
  type PiMethod,
  type PiNative,
  type PiSession,
  type PiWork,
} from './native.ts';
import { identityOf, isUnheard, placeOf } from './place.ts';
import { observeTools } from './tools.ts';

const METHODS: readonly PiMethod[] = ['prompt', 'sendCustomMessage', 'compact', 'navigateTree'];

/** The methods that stop work, and which. */
const ABORTS: readonly (readonly [method: string, work?: PiWork])[] = [
  ['abort'],
  ['abortRetry', 'turn'],
  ['abortCompaction', 'compact'],
  ['abortBranchSummary', 'navigateTree'],
];

/** How often the core hears that a turn goes on, in milliseconds. Idle time-outs may be as short as some hundred. */
const PROGRESS_INTERVAL = 10;

/** `prompt` and `sendCustomMessage` start turns, the others ask the model for summaries. */
export const patches: readonly Patch[] = [
  { module: '@earendil-works/pi-coding-agent', export: 'AgentSession', methods: METHODS },
];

/**
 * Listens at the seams of one session: the calls that start runs, its events, the model calls of its agent, and the
 * tools, whose work runs inside their spans.
 */
export function attach(session: PiSession, tap: Tap<PiNative>): () => void {
  const undo: ((() => void) | undefined)[] = [];

  for (const via of METHODS) {
    undo.push(
      wrapMethod(session, via, (proceed, args) => {
        const run = tap.mint();
        return tap.run(
          run,
          [session, session.agent],
          () => {
            tap.deliver({ kind: 'called', run, via, ...identityOf(session), input: args[0] });
            const deferred = deferredBy(session);
            const count = deferred.length;
            const result = proceed(...args);
            if (deferred.length > count) placeDeferred(deferred, run, tap);
            return result;
          },
          (_value, failure) => tap.deliver({ kind: 'returned', run, failure: failure && nameOf(failure.error) }),
        );
      }),
    );
  }

  const models = observeModels(session, tap);
  const tools = observeTools(session, tap);
  let heardAt = Number.NEGATIVE_INFINITY;
  /** The turn goes on. Pi says so for each word. */
  const progress = (): void => {
    const now = tap.now();
    // The clock may have been set back since.
    if (Math.abs(now - heardAt) < PROGRESS_INTERVAL) return;
    heardAt = now;
    tap.deliver({ kind: 'progress' });
  };
  // Pi passes over the one behind a listener that leaves while it is told: that is to be this one, not ours.
  undo.push(session.subscribe(() => {}));
  // A listener that throws fails the user's run.
  const unsubscribe = session.subscribe((value) =>
    tap.guard(() => {
      const type = isRecord(value) ? value['type'] : undefined;
      if (type === 'message_update') models.output();
      if (type === 'message_update' || type === 'tool_execution_update') return progress();
      // Behind that, a session may try again or compact before its turn settles.
      if (type === 'agent_end' && willSettle(session)) return;
      const isBound = type === 'agent_start' || type === 'agent_end' || type === 'agent_settled';
      if (!isBound && isUnheard(tap)) return;
      if (type === 'turn_start') return tools.look();
      const event = readEvent(value);
      if (!event) return;
      if (event.type === 'tool_execution_start' && event.parentToolCallId !== undefined) tools.lookAtAll();
      const place = event.type === 'agent_start' ? placeOf(session, tap) : { run: tap.here() ?? undefined };
      tap.deliver({ kind: 'event', place, event });
    }),
  );
  undo.push(models.undo, tools.undo, unsubscribe);

  for (const [method, work] of ABORTS) {
    undo.push(
      listenToMethod(session, method, () => {
        // A turn that does not wait to try again goes on.
        if (work !== 'turn' || isRetrying(session)) tap.deliver({ kind: 'aborted', work });
      }),
    );
  }

  // A disposed session tells nobody anything any more.
  undo.push(
    wrapMethod(session, 'dispose', (proceed, args) => {
      const result = proceed(...args);
      tap.deliver({ kind: 'disposed' });
      return result;
    }),
  );

  return () => {
    for (const step of undo.splice(0).toReversed()) step?.();
  };
}

/** What Pi puts off until it has told everybody that a turn is over. */
function deferredBy(session: PiSession): unknown[] {
  const deferred: unknown = Reflect.get(session, '_deferredSettledActions');
  return Array.isArray(deferred) ? deferred : [];
}

/** Pi does it where that turn was asked for: it belongs where it was asked for itself. */
function placeDeferred(deferred: unknown[], run: RunId, tap: Tap<PiNative>): void {
  const action = deferred.pop();
  if (typeof action !== 'function') return void deferred.push(action);
  tap.caller(run);
  const work = (): unknown => {
    // Its place is not kept any longer: what is at work there would be kept with it.
    tap.outside(() => tap.caller(run));
    return action();
  };
  deferred.push((): unknown => tap.around({ kind: 'deferred', run }, work));
}
