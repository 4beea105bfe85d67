/** Starts Node with these arguments as a child process that serves this one conversation. Arguments: its id, then Node's. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { trace } from '@opentelemetry/api';
import { withSession } from '@turnkeeper/instrumentation';
import { environmentCarrier } from '@turnkeeper/instrumentation/carriers';

const [conversation = '', ...argv] = process.argv.slice(2);
await withSession(conversation, () =>
  trace.getTracer('platform').startActiveSpan('job', async (job) => {
    const env = { ...process.env, ...environmentCarrier() };
    const [status] = await once(spawn(process.execPath, argv, { env, stdio: 'inherit' }), 'exit');
    process.exitCode = Number(status);
    job.end();
  }),
);
