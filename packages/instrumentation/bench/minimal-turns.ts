import { context, trace, type Tracer } from '@opentelemetry/api';

export const LEAST = 'the fewest lines that start a span for each turn, in whose context it works';

/**
 * The least that tells a sampler of a turn: one span, in whose context the method works. No session, nothing inside the
 * turn, no bounds. What is not sampled cannot cost less and still reach other processes as not sampled.
 */
export function traceTurns(target: object, method: string, tracer: Tracer): void {
  const original: unknown = Reflect.get(target, method);
  if (typeof original !== 'function') throw new Error(`there is no ${method}`);
  const attributes = { 'session.id': 'conv-42', 'gen_ai.operation.name': 'invoke_agent' };
  Reflect.set(target, method, async function (this: unknown, ...args: unknown[]): Promise<unknown> {
    const span = tracer.startSpan('invoke_agent', { attributes });
    try {
      return await context.with(trace.setSpan(context.active(), span), () => Reflect.apply(original, this, args));
    } finally {
      span.end();
    }
  });
}
