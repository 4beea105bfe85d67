import { methodWrapper, type Outcome, type RunId, type Scope } from '../../adapter.ts';
import { isRecord, readAbort, readFailure, recordIn, recordOf, text, type OpenAITap } from './native.ts';
import { enterRun } from './open-runs.ts';

/** Follows tool calls: their events say when, their invocation how, and what they work in. */
export interface ObservedTools {
  start(run: RunId, tool: unknown, details: unknown): void;
  end(run: RunId, details: unknown, output: unknown): void;
  /** The run is over: calls of it that have not ended never will. */
  forget(run: RunId): void;
}

/** One tool call, and how its invocation goes. */
interface Invocation {
  readonly scope: Scope;
  signal?: unknown;
  failure?: Outcome;
}

/** What a tool answers for itself when its work has thrown, unless it has an `errorFunction`. Up to 0.18 the error follows. */
const FAILED = 'An error occurred while running the tool. Please try again.';

export function observeTools(tap: OpenAITap): ObservedTools {
  /** The open calls of runs, by their ids: where arguments are no good, the SDK shows a call as a new object each time. */
  const runs = new Map<RunId, Map<string, Invocation>>();
  const placeNext = invocationPlacer(tap);
  return {
    start(run, tool, details) {
      const toolCall = recordIn(details, 'toolCall');
      const { call, callId } = identify(toolCall);
      const name = text(recordOf(tool)?.['name']) ?? 'unknown';
      tap.deliver({ kind: 'tool', run, call, callId, tool: name, input: toolCall?.['arguments'] });
      const invocation: Invocation = { scope: { run, call } };
      const invocations = runs.get(run);
      if (invocations) invocations.set(call, invocation);
      else enterRun(runs, run, new Map([[call, invocation]]));
      placeNext(tool, invocation);
    },
    end(run, details, output) {
      const { call } = identify(recordIn(details, 'toolCall'));
      const invocations = runs.get(run);
      const outcome = outcomeOf(invocations?.get(call));
      invocations?.delete(call);
      tap.deliver({ kind: 'tool-end', run, call, outcome, output });
    },
    forget: (run) => void runs.delete(run),
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
    return tap.inside(
      invocation.scope,
      () => proceed(...args),
      (value, failure) => {
        if (failure) invocation.failure = readFailure(failure.error, invocation.signal);
        else if (text(value)?.startsWith(FAILED)) invocation.failure = { kind: 'error', type: 'tool_error' };
      },
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
