/** A model server in a process of its own: it remembers every request. Prints its address; ends with its input. */
import { byMarker, startModelServer } from '@turnkeeper/model-server';

const server = await startModelServer({
  script: byMarker(
    { '#lookup': { toolCalls: [{ name: 'lookup' }] }, '#slow': { text: 'slow', delayMs: 200 } },
    (request) => request.toolResults[0]?.text ?? `You said ${request.lastUserText}`,
  ),
});
console.log(server.url);
process.stdin.resume();
process.stdin.once('close', () => void server.close());
