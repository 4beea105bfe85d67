/** Each copy instruments, stamps, observes and names the session in turn. Argument: with or without a context manager. */
import { context, trace } from '@opentelemetry/api';
import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-http';
import { NodeSDK } from '@opentelemetry/sdk-node';
import { BatchSpanProcessor } from '@opentelemetry/sdk-trace';
import { startModelServer } from '@turnkeeper/model-server';
import { openPi } from '@turnkeeper/model-server/pi';
import * as one from '@turnkeeper/one';
import { pi as piOfOne } from '@turnkeeper/one/pi';
import * as other from '@turnkeeper/other';
import { pi as piOfOther } from '@turnkeeper/other/pi';

const exporting = new BatchSpanProcessor({ exporter: new OTLPTraceExporter() });
const sdk = new NodeSDK({
  instrumentations: [new one.TurnkeeperInstrumentation(), new other.TurnkeeperInstrumentation()],
  spanProcessors: [new one.SessionSpanProcessor(new other.SessionSpanProcessor(exporting))],
});
sdk.start();
if (process.argv[2] === 'without a context manager') context.disable();

const server = await startModelServer({ script: () => 'hello' });
const pi = await openPi({ url: server.url, id: 'pi-own' });
one.observe(piOfOne, pi.session);
other.observe(piOfOther, pi.session);
await one.withSession('conv-42', () => pi.session.prompt('one'));
await other.withSession('conv-42', () => pi.session.prompt('two'));
one.attachSession(pi.session, new one.SessionContext({ sessionId: 'conv-42' }));
await pi.session.prompt('three');
const seen = await one.withSession('conv-42', async () => other.currentSession()?.id);
console.log(seen, await other.withSession('conv-42', async () => one.currentSession()?.id));

await pi[Symbol.asyncDispose]();
await server.close();
await sdk.shutdown();
trace.disable();
