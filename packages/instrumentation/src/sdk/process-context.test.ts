import { createContextKey, propagation, ROOT_CONTEXT, trace, type Context } from '@opentelemetry/api';
import { AsyncLocalStorageContextManager } from '@opentelemetry/context-async-hooks';
import { W3CTraceContextPropagator } from '@opentelemetry/core';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { frameIn } from '../session/active-session.ts';
import { startTracing, type Tracing } from '../testing/tracing.ts';
import { inProcessContext } from './process-context.ts';

const key = createContextKey('something');

/** What another copy of the API has as its root: one that is like ours, and not the same. */
const otherRoot = ROOT_CONTEXT.deleteValue(key);

/** The manager of a program whose SDK is required, while this package is an ES module. */
class OtherManager extends AsyncLocalStorageContextManager {
  override active(): Context {
    const active = super.active();
    return active === ROOT_CONTEXT ? otherRoot : active;
  }
}

let tracing: Tracing;
beforeEach(() => {
  tracing = startTracing();
  vi.stubEnv('TRACEPARENT', '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01');
  vi.stubEnv('BAGGAGE', 'session.id=conv-42');
});
afterEach(() => {
  vi.unstubAllEnvs();
  tracing[Symbol.dispose]();
});

describe.each([
  ['of this copy of the API', AsyncLocalStorageContextManager],
  ['of another copy of the API', OtherManager],
])('a process, with a context manager %s', (_name, Manager) => {
  test('goes on as a whole where its environment says', () => {
    expect(propagation.fields()).toContain('traceparent');
    const manager = inProcessContext(new Manager().enable());
    const read = (): readonly unknown[] => {
      const active = manager.active();
      return [trace.getSpanContext(active)?.spanId, frameIn(active)?.session.id, active.getValue(key)];
    };
    const process = ['b7ad6b7169203331', 'conv-42', undefined];
    expect(read()).toEqual(process);
    manager.with(ROOT_CONTEXT, () => expect(read()).toEqual(process));
    manager.with(ROOT_CONTEXT.setValue(key, 1), () => expect(read()).toEqual([undefined, undefined, 1]));
  });

  test('is in its session also without a propagator, and in its place once there is one', () => {
    propagation.disable();
    const manager = inProcessContext(new Manager().enable());
    const read = (): readonly unknown[] => [
      trace.getSpanContext(manager.active())?.spanId,
      frameIn(manager.active())?.session.id,
    ];
    expect(read()).toEqual([undefined, 'conv-42']);
    expect(manager.active()).toBe(manager.active());
    propagation.setGlobalPropagator(new W3CTraceContextPropagator());
    expect(read()).toEqual(['b7ad6b7169203331', 'conv-42']);
  });
});
