import { propagation, ROOT_CONTEXT, type Context, type ContextManager } from '@opentelemetry/api';
import { carrierFromEnvironment, contextOf } from '../propagation/carriers.ts';

/**
 * A context manager in which the process as a whole goes on where its environment says: whatever runs in no context of
 * its own is a child of TRACEPARENT, in the session that BAGGAGE names.
 */
export function inProcessContext(manager: ContextManager): ContextManager {
  // The manager may be of another copy of the API than this, with a root of its own: 1.10 has one for `require` as well.
  const outside = manager.active();
  let root: Context | undefined;
  let isComplete = false;
  const rooted = (): Context => {
    if (root && isComplete) return root;
    // The propagator that reads TRACEPARENT is set up after this, or never; the session is there without one.
    isComplete = propagation.fields().length > 0;
    if (isComplete || !root) root = contextOf(carrierFromEnvironment(), ROOT_CONTEXT);
    return root;
  };
  const wrapped: ContextManager = {
    active: () => {
      const active = manager.active();
      return active === ROOT_CONTEXT || active === outside ? rooted() : active;
    },
    with: (within, work, self, ...args) => manager.with(within, work, self, ...args),
    bind: (within, target) => manager.bind(within, target),
    enable: () => {
      manager.enable();
      return wrapped;
    },
    disable: () => {
      manager.disable();
      return wrapped;
    },
  };
  return wrapped;
}
