import * as engine from '@earendil-works/pi-coding-agent';
import { defineTool, type ExtensionFactory, type ToolDefinition } from '@earendil-works/pi-coding-agent';
import { trace } from '@opentelemetry/api';
import '@turnkeeper/check/vitest';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { withSession } from '../../session/active-session.ts';
import { startPiWorld, type PiWorld } from '../../testing/pi.ts';

let world: PiWorld;
beforeEach(async () => void (world = await startPiWorld()));
afterEach(() => world[Symbol.asyncDispose]());

/** What a tool gets since Pi 1.0, besides what the types of older ones say. */
interface Calling {
  executeTool(name: string, args: object): Promise<{ readonly isError: boolean }>;
}

const parameters = { type: 'object', properties: {} } as const;
const answer = (text: string) => ({ content: [{ type: 'text' as const, text }], details: undefined });

/** Only other tools may call it. */
const lookup: ToolDefinition = Object.assign(
  defineTool({
    name: 'lookup',
    label: 'Lookup',
    description: 'Looks something up',
    parameters,
    execute: async (id) => {
      trace.getTracer('database').startSpan('SELECT').end();
      if (id.endsWith('/3')) throw new Error('nothing found');
      return answer('found');
    },
  }),
  { exposure: 'codemode' },
);

/** Calls the other one three times. */
const helper: ToolDefinition = defineTool({
  name: 'helper',
  label: 'Helper',
  description: 'Calls other tools',
  parameters,
  execute: async (_id, _args, _signal, _onUpdate, ctx) => {
    const { executeTool }: Calling = Object(ctx);
    for (let time = 0; time < 3; time += 1) await executeTool('lookup', {});
    return answer('done');
  },
});

/** Pi's own: the model writes a script, which calls tools from a thread of its own. */
const codemode: ExtensionFactory = (api) => {
  const create: unknown = Reflect.get(engine, 'createCodemodeExtension');
  if (typeof create === 'function') return create()(api);
};

describe('a tool that calls another one', () => {
  test('has its span around that one’s, whose work is inside, and tells which failed', async () => {
    const { session } = await world.open({ tools: [helper, lookup] });
    await withSession('conv-42', () => session.prompt('#helper'));
    expect(world.tracing.capture.tree()).toMatchInlineSnapshot(`
      "invoke_agent pi [session conv-42] run.start
        chat test-model
        execute_tool helper
          execute_tool lookup
            SELECT
          execute_tool lookup
            SELECT
          execute_tool lookup (error tool_error)
            SELECT
        chat test-model"
    `);
    expect(world.tracing.capture).toPassChecks();
  });

  test('from a script that the model wrote has its span around that one’s too', async () => {
    const options = { tools: [lookup], extensions: [codemode], extensionTools: ['codemode'] };
    const { session } = await world.open(options);
    await withSession('conv-42', () => session.prompt('#script'));
    expect(session.getLastAssistantText()).toContain('found');
    expect(world.tracing.capture.tree()).toMatchInlineSnapshot(`
      "invoke_agent pi [session conv-42] run.start
        chat test-model
        execute_tool codemode
          execute_tool lookup
            SELECT
        chat test-model"
    `);
    expect(world.tracing.capture).toPassChecks();
  });
});
