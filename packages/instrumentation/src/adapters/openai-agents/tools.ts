import { wrapMethod, type Outcome, type RunId } from '../../adapter.ts';
import { follow, type OpenAITap } from './follow.ts';
import { readAbort, readFailure, recordIn, recordOf, text } from './native.ts';

/** Follows tool calls: their events say when, their invocation how, and what they work in. */
export interface ObservedTools {
  start(run: RunId, tool: unknown, details: unknown): void;
  end(run: RunId, details: unknown, output: unknown): void;
}

/** How the invocation of one tool call goes. */
interface Invocation {
  signal?: unknown;
  failure?: Outcome;
}

/** What a tool answers for itself when its work has thrown, unless it has an `errorFunction`. */
const FAILED = 'An error occurred while running the tool. Please try again.';

export function observeTools(tap: OpenAITap): ObservedTools {
  const invocations = new WeakMap<object, Invocation>();
  return {
    start(run, tool, details) {
      const toolCall = recordIn(details, 'toolCall');
      const { call, callId } = identify(toolCall);
      const name = text(recordOf(tool)?.['name']) ?? 'unknown';
      tap.deliver({ kind: 'tool', run, call, callId, tool: name, input: toolCall?.['arguments'] });
      const invocation: Invocation = {};
      if (toolCall) invocations.set(toolCall, invocation);
      placeNext(tap, tool, { run, call }, invocation);
    },
    end(run, details, output) {
      const toolCall = recordIn(details, 'toolCall');
      const outcome = outcomeOf(toolCall && invocations.get(toolCall));
      tap.deliver({ kind: 'tool-end', run, call: identify(toolCall).call, outcome, output });
    },
  };
}

/**
 * Runs the next invocation of the tool in its span. The SDK knows a tool's parser, its MCP server and a pending approval
 * by the very function in `invoke`: another one may stand there only from the event that announces the invocation to
 * the invocation itself, which follows in the same breath.
 */
function placeNext(
  tap: OpenAITap,
  tool: unknown,
  scope: { readonly run: RunId; readonly call: string },
  invocation: Invocation,
): void {
  const target = recordOf(tool);
  if (!target) return;
  const undo = wrapMethod(target, 'invoke', (proceed, args) => {
    undo?.();
    invocation.signal = recordOf(args[2])?.['signal'];
    return tap.inside(scope, () =>
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
  if (undo) queueMicrotask(undo);
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
