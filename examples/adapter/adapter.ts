import { wrapMethod, type Adapter, type RunEvent, type RunId } from '@turnkeeper/instrumentation/adapter';
import type { Chat, ChatEvent } from './engine.ts';

/** What the engine's seams deliver: plain data, with the run that was executing there. */
type ChatNative =
  | { readonly kind: 'asked'; readonly run: RunId; readonly session: string; readonly question: unknown }
  | { readonly kind: 'event'; readonly run: RunId; readonly event: ChatEvent }
  | { readonly kind: 'answered'; readonly run: RunId; readonly failure?: string };

export const chat: Adapter<Chat, ChatNative, undefined> = {
  name: 'chat',
  start: () => undefined,

  *translate(native) {
    const { run } = native;
    if (native.kind === 'asked') {
      yield { type: 'run.start', run, session: native.session, input: () => native.question };
    } else if (native.kind === 'answered') {
      const outcome =
        native.failure === undefined ? { kind: 'ok' as const } : { kind: 'error' as const, type: native.failure };
      yield { type: 'run.end', run, outcome };
    } else if (native.kind === 'event') {
      yield* told(run, native.event);
    }
  },

  attach(session, tap) {
    const unwrap = wrapMethod(session, 'ask', (proceed, args) => {
      const run = tap.mint();
      return tap.run(
        run,
        [session],
        () => {
          tap.deliver({ kind: 'asked', run, session: session.id, question: args[0] });
          return proceed(...args);
        },
        (_answer, failure) => tap.deliver({ kind: 'answered', run, ...(failure && { failure: 'chat_error' }) }),
      );
    });
    const off = session.on((event) =>
      tap.guard(() => {
        const run = tap.here();
        if (typeof run === 'string') tap.deliver({ kind: 'event', run, event });
      }),
    );
    return () => {
      off();
      unwrap?.();
    };
  },
};

/** The events name no call, and a run has one of a kind at a time: the kind names it. */
function* told(run: RunId, event: ChatEvent): Iterable<RunEvent> {
  if (event.type === 'tool') {
    yield { type: 'tool.start', run, call: 'tool', tool: event.tool, input: () => event.input };
  } else if (event.type === 'tool-done') {
    yield { type: 'tool.end', run, call: 'tool', outcome: { kind: 'ok' } };
  } else if (event.type === 'model') {
    yield { type: 'model.start', run, call: 'model', model: event.model };
  } else if (event.type === 'model-done') {
    const { in: input, out: output } = event.tokens;
    yield { type: 'model.end', run, call: 'model', outcome: { kind: 'ok' }, usage: { input, output } };
  }
}
