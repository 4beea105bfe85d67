/** No engine is installed: every door opens all the same, and code that is no engine is traced. */
import { createRequire } from 'node:module';
import { trace } from '@opentelemetry/api';
import { traceService, withSession } from '@turnkeeper/instrumentation';

const manifest = createRequire(import.meta.url)('@turnkeeper/instrumentation/package.json');
// The hook and what registers it are for --import.
const doors = Object.keys(manifest.exports).filter(
  (door) => !['./hook', './register', './package.json'].includes(door),
);
for (const door of doors) await import(`@turnkeeper/instrumentation${door.slice(1)}`);

const database = trace.getTracer('database');
const greet = traceService(
  async (name) => database.startActiveSpan('SELECT', (span) => (span.end(), `hello ${name}`)),
  {
    name: 'greeter',
  },
);
for (const name of ['you', 'you again']) console.log(await withSession('conv-42', () => greet(name)));
