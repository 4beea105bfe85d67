import type { Adapter, RunEvent, Scope, Tap } from '../adapter.ts';
import { observe, type Observation, type ObserveOptions } from '../observe.ts';

/** A native signal that is the events themselves; `scope` says where its work runs. */
export interface ScriptedNative {
  readonly events: readonly RunEvent[];
  readonly scope?: Scope | null;
}

/** An engine that says just what a test wants: for the laws of the core that no engine breaks on purpose. */
export function scriptedAdapter(
  name = 'scripted',
  overrides: Partial<Adapter<Scripted, ScriptedNative, object>> = {},
): Adapter<Scripted, ScriptedNative, object> {
  return {
    name,
    start: () => ({}),
    translate: (native) => native.events,
    scope: (native) => native.scope,
    attach: (target, tap) => {
      target.tap = tap;
      return () => {
        delete target.tap;
      };
    },
    ...overrides,
  };
}

export interface Scripted {
  tap?: Tap<ScriptedNative>;
}

/** The adapter's tap on a fresh target. */
export function script(
  options: ObserveOptions = {},
  adapter: Adapter<Scripted, ScriptedNative, object> = scriptedAdapter(),
): {
  readonly tap: Tap<ScriptedNative>;
  readonly observation: Observation;
  readonly say: (...events: RunEvent[]) => void;
} {
  const target: Scripted = {};
  const observation = observe(adapter, target, options);
  const { tap } = target;
  if (!tap) throw new Error('the adapter was not attached');
  return { tap, observation, say: (...events) => tap.deliver({ events }) };
}
