import { wrapMethod, type Tap } from '../../adapter.ts';
import { isRecord, text, type PiNative, type PiSession } from './native.ts';

/** Runs the work of tools in their spans. They are the session's own objects, made anew when it is reloaded. */
export interface ObservedTools {
  /** Looks at the tools that the model may call; to be called in each turn. */
  readonly look: () => void;
  /** Looks at those that only other tools may call as well. */
  readonly lookAtAll: () => void;
  readonly undo: () => void;
}

export function observeTools(session: PiSession, tap: Tap<PiNative>): ObservedTools {
  const seen = new WeakSet<object>();
  const undo: ((() => void) | undefined)[] = [];
  const lookAt = (tools: Iterable<unknown>): void => {
    for (const tool of tools) {
      if (!isRecord(tool) || seen.has(tool)) continue;
      seen.add(tool);
      undo.push(
        wrapMethod(tool, 'execute', (proceed, args) => {
          const id = text(args[0]) ?? '';
          return tap.around({ kind: 'tool', run: tap.here() ?? undefined, id }, () => proceed(...args));
        }),
      );
    }
  };
  return {
    look: () => lookAt(toolsOf(session.agent)),
    lookAtAll() {
      const registered: unknown = Reflect.get(session, '_toolRegistry');
      if (registered instanceof Map) lookAt(registered.values());
    },
    undo: () => undo.splice(0).forEach((step) => step?.()),
  };
}

function toolsOf(agent: object): readonly unknown[] {
  const state = 'state' in agent ? agent.state : undefined;
  const tools = isRecord(state) ? state['tools'] : undefined;
  return Array.isArray(tools) ? tools : [];
}
