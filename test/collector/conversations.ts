/** Many conversations of two turns each, side by side: a program for the load balancer. Argument: how many. */
import { trace } from '@opentelemetry/api';
import { traceService, withSession } from '@turnkeeper/instrumentation';

const database = trace.getTracer('database');
const answer = traceService(
  async (text: string) => database.startActiveSpan('SELECT', (span) => (span.end(), `You said ${text}`)),
  { name: 'answerer' },
);
for (const text of ['hello', 'bye']) {
  await Promise.all(
    Array.from({ length: Number(process.argv[2]) }, (_, index) => withSession(`conv-${index}`, () => answer(text))),
  );
}
