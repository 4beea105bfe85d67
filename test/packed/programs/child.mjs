/** Starts itself as a child process that serves one conversation, and names it nowhere. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { trace } from '@opentelemetry/api';
import { traceService, withSession } from '@turnkeeper/instrumentation';
import { environmentCarrier } from '@turnkeeper/instrumentation/carriers';

const greet = traceService(async (name) => `hello ${name}`, { name: 'greeter' });

if (process.argv.includes('child')) console.log(await greet('you'));
else {
  await withSession('conv-42', () =>
    trace.getTracer('platform').startActiveSpan('job', async (job) => {
      const argv = [...process.execArgv, import.meta.filename, 'child'];
      const env = { ...process.env, ...environmentCarrier() };
      await once(spawn(process.execPath, argv, { env, stdio: 'inherit' }), 'exit');
      job.end();
    }),
  );
}
