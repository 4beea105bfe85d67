import { ATTR_SESSION_ID, ATTR_TURNKEEPER_ENGINE_SESSION_ID } from '@turnkeeper/instrumentation/semconv';
import { quote, type Rule } from '../rule.ts';
import { sessionOf } from '../span.ts';

/** An engine's own id that lost against the platform's stays aside. */
export const noEngineIdLeak: Rule = {
  id: 'no-engine-id-leak',
  severity: 'error',
  basis: 'policy',
  asserts: `No span's ${ATTR_SESSION_ID} equals a ${ATTR_TURNKEEPER_ENGINE_SESSION_ID} found anywhere in the input.`,
  why: "The same conversation goes by two ids, the platform's and the engine's: each of them finds a part of it.",
  fix: "Give every call of the engine the platform's id, with withSession(…); register SessionSpanProcessor so that nobody writes another one.",
  *judge(index) {
    for (const span of index.spans) {
      const session = sessionOf(span);
      if (session === undefined || !index.engineSessions.has(session)) continue;
      yield {
        at: span,
        what: `Span ${quote(span.name)} carries session ${quote(session)}, which is an engine's own id of a conversation that the platform calls otherwise.`,
      };
    }
  },
};
