/**
 * Turns of one real Pi in a process of its own, in its RPC mode, for tests that run it as a program. Arguments: the
 * platform's id, then prompts. PI_COMMAND is the script that is Pi; what PI_IMPORT names is loaded into its process; it
 * is stopped when its turns have arrived in the file that PI_TRACES names.
 */
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { RpcClient } from '@earendil-works/pi-coding-agent';
import { trace } from '@opentelemetry/api';
import { withSession } from '@turnkeeper/instrumentation';
import { environmentCarrier } from '@turnkeeper/instrumentation/carriers';
import { byMarker, startModelServer } from '@turnkeeper/model-server';
import { preparePi } from '@turnkeeper/model-server/pi-process';

const [conversation = '', ...prompts] = process.argv.slice(2);
const { PI_COMMAND: cliPath = '', PI_IMPORT: imported = '', PI_TRACES: received = '' } = process.env;
const turnsIn = (traces: string): number => traces.split('"invoke_agent pi"').length - 1;
const home = await mkdtemp(join(tmpdir(), 'turnkeeper-pi-process-'));
await using server = await startModelServer({
  script: byMarker({ '#bash': { toolCalls: [{ name: 'bash', arguments: { command: 'echo found' } }] } }, () => 'hello'),
});
const { env } = await preparePi(join(home, 'pi'), server.url);
await trace.getTracer('app').startActiveSpan('conversation', (span) =>
  withSession(conversation, async () => {
    const client = new RpcClient({
      cliPath,
      cwd: home,
      env: {
        ...env,
        ...environmentCarrier(),
        NODE_OPTIONS: `--import ${imported}`,
        OTEL_BSP_SCHEDULE_DELAY: '100',
      },
    });
    await client.start();
    for (const prompt of prompts) await client.promptAndWait(prompt);
    console.log(await client.getLastAssistantText());
    // Pi ends at once when it is stopped: what is still in a batch then is lost.
    while (turnsIn(await readFile(received, 'utf8').catch(() => '')) < prompts.length) await setTimeout(20);
    span.end();
    await client.stop();
  }),
);
await rm(home, { recursive: true });
