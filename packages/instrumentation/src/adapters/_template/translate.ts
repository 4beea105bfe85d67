import type { Outcome, RunEvent, Scope } from '../../adapter.ts';
import type { TemplateNative } from './native.ts';

/** What is known of one session. */
export interface TemplateState {
  readonly open: Set<string>;
}

export function start(): TemplateState {
  return { open: new Set() };
}

export function* translate(native: TemplateNative, state: TemplateState): Iterable<RunEvent> {
  switch (native.kind) {
    case 'asked': {
      const { run, session, input } = native;
      state.open.add(run);
      yield { type: 'run.start', run, agent: 'template', session, input: () => input };
      return;
    }
    case 'answered': {
      const { run, failure, output } = native;
      if (!state.open.delete(run)) return;
      const outcome: Outcome = failure === undefined ? { kind: 'ok' } : { kind: 'error', type: failure };
      yield { type: 'run.end', run, outcome, output: () => output };
      return;
    }
  }
}

/** The work that a question causes belongs to its run. */
export function scope(native: TemplateNative): Scope | undefined {
  return native.kind === 'asked' ? { run: native.run } : undefined;
}
