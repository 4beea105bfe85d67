import { wrapMethod, type Outcome, type RunId } from '../../adapter.ts';
import { follow, type OpenAITap } from './follow.ts';
import { nameOf, readFailure, recordIn, recordOf, text } from './native.ts';

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
  let calls = 0;
  const invocations = new WeakMap<object, Invocation>();

  return {
    start(run, tool, details) {
      const toolCall = recordIn(details, 'toolCall');
      calls += 1;
      const call = `tool-${calls}`;
      const name = text(recordOf(tool)?.['name']) ?? 'unknown';
      tap.deliver({ kind: 'tool', run, call, callId: idOf(toolCall), tool: name, input: toolCall?.['arguments'] });
      const invocation: Invocation = {};
      if (toolCall) invocations.set(toolCall, invocation);
      placeNext(tap, tool, { run, call }, invocation);
    },
    end(run, details, output) {
      const toolCall = recordIn(details, 'toolCall');
      const invocation = toolCall && invocations.get(toolCall);
      tap.deliver({ kind: 'tool-end', run, callId: idOf(toolCall), outcome: outcomeOf(invocation), output });
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
  const reason = recordIn(invocation?.signal, 'reason');
  if (reason?.['name'] === 'ToolTimeoutError') return { kind: 'error', type: nameOf(reason) };
  if (invocation?.failure) return invocation.failure;
  return recordOf(invocation?.signal)?.['aborted'] === true ? { kind: 'cancelled' } : { kind: 'ok' };
}

function idOf(toolCall: Record<string, unknown> | undefined): string | undefined {
  return text(toolCall?.['callId']) ?? text(toolCall?.['id']);
}
