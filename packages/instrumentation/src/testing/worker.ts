/** A worker thread with an SDK of its own: goes on in the context that it is given, and answers with its spans. */
import { parentPort, workerData } from 'node:worker_threads';
import { context, propagation, ROOT_CONTEXT, trace } from '@opentelemetry/api';
import { SessionPropagator } from '../propagation/session-propagator.ts';
import { currentSession } from '../session/active-session.ts';
import { script } from './scripted.ts';
import { startTracing } from './tracing.ts';

const { capture } = startTracing();
propagation.disable();
propagation.setGlobalPropagator(new SessionPropagator({ accept: workerData.accept }));

context.with(propagation.extract(ROOT_CONTEXT, workerData.carrier), () => {
  const { tap, say } = script();
  tap.run('r', [], () => {
    say({ type: 'run.start', run: 'r', session: 'own-1' });
    trace.getTracer('db').startSpan('SELECT').end();
    say({ type: 'run.end', run: 'r', outcome: { kind: 'ok' } });
  });
  const answer = {
    session: currentSession(),
    spans: capture.spans.map(({ name, traceId, parentSpanId, attributes }) => ({
      name,
      traceId,
      parentSpanId,
      session: attributes['session.id'],
      source: attributes['turnkeeper.session.source'],
    })),
  };
  // A thread's port has no origin.
  // oxlint-disable-next-line unicorn/require-post-message-target-origin
  parentPort?.postMessage(answer);
});
