import { wrapMethod, type Patch, type Tap } from '../../adapter.ts';
import { nameOf, text, type TemplateNative, type TemplateSession } from './native.ts';

/** Where auto-instrumentation meets sessions: the package, its export, and the methods whose first call finds one. */
export const patches: readonly Patch[] = [{ module: 'template-engine', export: 'Session', methods: ['ask'] }];

/** Listens at the seams of one session. */
export function attach(session: TemplateSession, tap: Tap<TemplateNative>): () => void {
  const unwrap = wrapMethod(session, 'ask', (proceed, args) => {
    const run = tap.mint();
    return tap.run(
      run,
      [session],
      () => {
        tap.deliver({ kind: 'asked', run, session: text(session.id), input: args[0] });
        return proceed(...args);
      },
      (output, failure) => tap.deliver({ kind: 'answered', run, output, failure: failure && nameOf(failure.error) }),
    );
  });
  return () => unwrap?.();
}
