import { methodWrapper, type Outcome, type RunId, type Scope } from '../../adapter.ts';
import { follow, type OpenAITap } from './follow.ts';
import { isRecord, readAbort, readFailure, recordIn, recordOf, text } from './native.ts';

/** Follows tool calls: their events say when, their invocation how, and what they work in. */
export interface ObservedTools {
  start(run: RunId, tool: unknown, details: unknown): void;
  end(run: RunId, details: unknown, output: unknown): void;
}

/** One tool call, and how its invocation goes. */
interface Invocation {
  readonly scope: Scope;
  signal?: unknown;
  failure?: Outcome;
}

/** What a tool answers for itself when its work has thrown, unless it has an `errorFunction`. */
const FAILED = 'An error occurred while running the tool. Please try again.';

export function observeTools(tap: OpenAITap): ObservedTools {
  const invocations = new WeakMap<object, Invocation>();
  const placeNext = invocationPlacer(tap);
  return {
    start(run, tool, details) {
      const toolCall = recordIn(details, 'toolCall');
      const { call, callId } = identify(toolCall);
      const name = text(recordOf(tool)?.['name']) ?? 'unknown';
      tap.deliver({ kind: 'tool', run, call, callId, tool: name, input: toolCall?.['arguments'] });
      const invocation: Invocation = { scope: { run, call } };
      if (toolCall) invocations.set(toolCall, invocation);
      placeNext(tool, invocation);
    },
    end(run, details, output) {
      const toolCall = recordIn(details, 'toolCall');
      const outcome = outcomeOf(toolCall && invocations.get(toolCall));
      tap.deliver({ kind: 'tool-end', run, call: identify(toolCall).call, outcome, output });
    },
  };
}

/**
 * Runs the next invocation of a tool in its span. The SDK knows a tool's parser, its MCP server and a pending approval
 * by the very function in `invoke`: another one may stand there only from the event that announces the invocation to
 * the invocation itself, which follows in the same breath.
 */
function invocationPlacer(tap: OpenAITap): (tool: unknown, invocation: Invocation) => void {
  const announced = new WeakMap<object, Announced>();
  const wrap = methodWrapper('invoke', (proceed, args, self) => {
    const next = isRecord(self) ? announced.get(self) : undefined;
    if (!next) return proceed(...args);
    next.undo();
    const { invocation } = next;
    invocation.signal = recordOf(args[2])?.['signal'];
    return tap.inside(invocation.scope, () =>
      follow(
        tap,
        () => proceed(...args),
        (value, failure) => {
          if (failure) invocation.failure = readFailure(failure.error, invocation.signal);
          else if (value === FAILED) invocation.failure = { kind: 'error', type: 'tool_error' };
        },
      ),
    );
  });

  return (tool, invocation) => {
    if (!isRecord(tool)) return;
    announced.get(tool)?.undo();
    const takeAway = wrap(tool);
    if (!takeAway) return;
    const undo = (): void => {
      if (announced.get(tool)?.undo !== undo) return;
      announced.delete(tool);
      takeAway();
    };
    announced.set(tool, { invocation, undo });
    // `queueMicrotask` would make an asynchronous resource for each.
    void Promise.resolve().then(undo);
  };
}

interface Announced {
  readonly invocation: Invocation;
  readonly undo: () => void;
}

/** An invocation that runs out of time goes on behind its end: only its signal tells. */
function outcomeOf(invocation: Invocation | undefined): Outcome {
  return invocation?.failure ?? readAbort(invocation?.signal) ?? { kind: 'ok' };
}

/** The SDK lets a model use the id of a call once in a run. */
function identify(toolCall: Record<string, unknown> | undefined): {
  readonly call: string;
  readonly callId: string | undefined;
} {
  const callId = text(toolCall?.['callId']) ?? text(toolCall?.['id']);
  return { call: `tool-${callId ?? ''}`, callId };
}
