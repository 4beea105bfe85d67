/** The other side: an instance of an application, which works for whoever's turn a task is. */
import { context, propagation, ROOT_CONTEXT, trace } from '@opentelemetry/api';
import { withSession } from '@turnkeeper/instrumentation';
import type { FlameInvocation } from '@turnkeeper/model-server/flame';

/**
 * Runs a task's work below the turn that its headers name, and in that turn's session. Only the frontend speaks to an
 * instance, so what the headers say may be believed; a task without them is in the session as Flame calls it.
 */
export async function onTaskInvoke(
  { session, headers, input }: FlameInvocation,
  work: (input: string) => Promise<string>,
): Promise<string> {
  const turn = propagation.extract(ROOT_CONTEXT, headers);
  const id = propagation.getBaggage(turn)?.getEntry('session.id')?.value ?? session;
  return await context.with(turn, () => withSession(id, () => work(input)));
}

/** An application that recommends, after it has looked something up. */
export function recommender(invocation: FlameInvocation): Promise<string> {
  return onTaskInvoke(invocation, async (input) => {
    if (input.includes('impossible')) throw new Error('There is nothing of that kind.');
    return await trace.getTracer('recommender').startActiveSpan('SELECT item', async (span) => {
      span.end();
      return `How about ${input.length} pears?`;
    });
  });
}
