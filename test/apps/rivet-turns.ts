/**
 * Turns behind a real sandbox-agent daemon, for tests that run it as a program. Arguments: `pi` (the real Pi behind
 * the real `pi-acp`) or `cursor` (the scripted agent), the platform's id, then prompts. The daemon serves this one
 * conversation: it gets the context, and its agents load what RIVET_AGENT_IMPORT names.
 */
import { setTimeout } from 'node:timers/promises';
import { trace } from '@opentelemetry/api';
import { withSession } from '@turnkeeper/instrumentation';
import { environmentCarrier } from '@turnkeeper/instrumentation/carriers';
import { byMarker, startModelServer } from '@turnkeeper/model-server';
import { openRivet } from '@turnkeeper/model-server/rivet';

const [agent = 'cursor', conversation = '', ...prompts] = process.argv.slice(2);
const agentImport = process.env['RIVET_AGENT_IMPORT'];
await using server = await startModelServer({
  script: byMarker({ '#bash': { toolCalls: [{ name: 'bash', arguments: { command: 'echo found' } }] } }, 'hello'),
});
await trace.getTracer('app').startActiveSpan('conversation', (span) =>
  withSession(conversation, async () => {
    await using rivet = await openRivet({
      url: server.url,
      env:
        agentImport === undefined
          ? {}
          : {
              ...environmentCarrier(),
              NODE_OPTIONS: `--import ${agentImport}`,
              // Pi ends at once when its client does: what is still in a batch then is lost.
              OTEL_BSP_SCHEDULE_DELAY: '100',
            },
    });
    const client = await rivet.connect();
    const session = await client.createSession({ id: 'local-1', agent, cwd: rivet.cwd });
    for (const prompt of prompts) console.log(await session.prompt([{ type: 'text', text: prompt }]));
    // What an agent says may come after its answer; a client that leaves at once does not hear it.
    await setTimeout(300);
    span.end();
    await client.dispose();
  }),
);
