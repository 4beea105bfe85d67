import { ATTR_SESSION_ID, ATTR_SESSION_PREVIOUS_ID, EVENT_SESSION_START } from '@turnkeeper/instrumentation/semconv';
import { type Evidence, quote, type Rule } from '../rule.ts';
import type { CapturedLog } from '../signals.ts';
import { type Attributes, textOf } from '../span.ts';

/** A session begins once, and continues another one if any. */
export const sessionStartOnce: Rule = {
  id: 'session-start-once',
  severity: 'warn',
  basis: 'convention',
  asserts: `There is at most one ${EVENT_SESSION_START} per session, and ${ATTR_SESSION_PREVIOUS_ID} differs from ${ATTR_SESSION_ID}.`,
  why: 'Sessions are counted by their start; one that starts twice counts twice, one that continues itself has no beginning.',
  fix: 'Keep one TurnkeeperInstrumentation for the life of the process, and give previousId only for another session.',
  *judge(index) {
    const started = new Map<string, CapturedLog>();
    for (const log of index.logs) {
      const session = textOf(log.attributes, ATTR_SESSION_ID);
      if (log.name !== EVENT_SESSION_START || session === undefined) continue;
      const first = started.get(session);
      if (first === undefined) started.set(session, log);
      else if (!isSame(log, first))
        yield { at: log, what: `Session ${quote(session)} has a second ${EVENT_SESSION_START}.` };
    }
    const reported = new Set<string>();
    const everything: readonly (Evidence & { readonly attributes: Attributes })[] = [...index.spans, ...index.logs];
    for (const at of everything) {
      const session = textOf(at.attributes, ATTR_SESSION_ID);
      if (session === undefined || reported.has(session)) continue;
      if (at.attributes[ATTR_SESSION_PREVIOUS_ID] !== session) continue;
      reported.add(session);
      yield { at, what: `Session ${quote(session)} names itself as the session before.` };
    }
  },
};

/** Whether a log is there twice, as after a repeated export: a run says once, in its span, that its session begins. */
function isSame(left: CapturedLog, right: CapturedLog): boolean {
  return (
    left.spanId !== '' && left.spanId === right.spanId && left.traceId === right.traceId && left.time === right.time
  );
}
