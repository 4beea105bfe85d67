import { wrapMethod, type Adapter, type RunId } from '@turnkeeper/instrumentation/adapter';
import type { Chat, ChatEvent } from './engine.ts';

/** What the engine's seams deliver: plain data, with the run that was executing there. */
type ChatNative =
  | { readonly kind: 'asked'; readonly run: RunId; readonly session: string; readonly question: unknown }
  | { readonly kind: 'event'; readonly run: RunId; readonly event: ChatEvent }
  | { readonly kind: 'answered'; readonly run: RunId; readonly failure?: string };

/** The engine's events name no call: there is one of a kind at a time. */
interface ChatState {
  calls: number;
}

export const chat: Adapter<Chat, ChatNative, ChatState> = {
  name: 'chat',
  start: () => ({ calls: 0 }),

  *translate(native, state) {
    const { run } = native;
    if (native.kind === 'asked') {
      yield { type: 'run.start', run, session: native.session, input: () => native.question };
    } else if (native.kind === 'answered') {
      const outcome =
        native.failure === undefined ? { kind: 'ok' as const } : { kind: 'error' as const, type: native.failure };
      yield { type: 'run.end', run, outcome };
    } else if (native.event.type === 'tool') {
      const { tool, input } = native.event;
      yield { type: 'tool.start', run, call: `call-${++state.calls}`, tool, input: () => input };
    } else if (native.event.type === 'model') {
      yield { type: 'model.start', run, call: `call-${++state.calls}`, model: native.event.model };
    } else if (native.event.type === 'tool-done') {
      yield { type: 'tool.end', run, call: `call-${state.calls}`, outcome: { kind: 'ok' } };
    } else if (native.event.type === 'model-done') {
      const { in: input, out: output } = native.event.tokens;
      yield { type: 'model.end', run, call: `call-${state.calls}`, outcome: { kind: 'ok' }, usage: { input, output } };
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
