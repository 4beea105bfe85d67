import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { Agent, MemorySession, Runner, tool } from '@openai/agents';
import { startModelServer } from '@turnkeeper/model-server';
import { openOpenAIAgents } from '@turnkeeper/model-server/openai-agents';
import { describe, expect, test } from 'vitest';
import { z } from 'zod';
import type { RunEvent, Tap } from '../../adapter.ts';
import { observe } from '../../observe.ts';
import { openaiAgents, type OpenAIAgentsNative } from './index.ts';

const { devDependencies }: { readonly devDependencies: Readonly<Record<string, string>> } = createRequire(
  import.meta.url,
)('../../../package.json');
const about = { engine: '@openai/agents', version: devDependencies['@openai/agents'] };
const recordings = new URL('recordings/', import.meta.url);

/** Plays a conversation on the real engine, and writes down every signal of it. */
async function record(): Promise<readonly unknown[]> {
  const natives: unknown[] = [];
  const listening = {
    ...openaiAgents,
    attach: (target: typeof Runner, tap: Tap<OpenAIAgentsNative>) =>
      openaiAgents.attach(
        target,
        new Proxy(tap, {
          get: (original, name) => {
            const member: unknown = Reflect.get(original, name);
            if (typeof member !== 'function') return member;
            return (...args: unknown[]): unknown => {
              if (name === 'deliver' || name === 'around') natives.push(structuredClone(args[0]));
              return Reflect.apply(member, original, args);
            };
          },
        }),
      ),
  };
  await using server = await startModelServer({
    script: [
      { toolCalls: [{ name: 'transfer_to_Billing' }] },
      { toolCalls: [{ name: 'lookup', arguments: { id: 7 } }] },
      'paid',
      { status: 503, message: 'overloaded' },
    ],
  });
  const observation = observe(listening, Runner);
  try {
    const lookup = tool({
      name: 'lookup',
      description: 'Looks an invoice up',
      parameters: z.object({ id: z.number() }),
      execute: async () => 'found',
    });
    const billing = new Agent({ name: 'Billing', tools: [lookup] });
    const triage = new Agent({
      name: 'Triage',
      handoffs: [billing],
      inputGuardrails: [{ name: 'polite', execute: async () => ({ tripwireTriggered: false, outputInfo: {} }) }],
    });
    const { runner } = openOpenAIAgents({ url: server.url });
    const session = new MemorySession({ sessionId: 'memory-1' });
    await runner.run(triage, 'is invoice 7 paid?', { session });
    await expect(runner.run(triage, 'and 8?', { session })).rejects.toThrow('overloaded');
  } finally {
    observation.stop();
  }
  return natives;
}

describe('a recording', () => {
  test('is what the real engine says', async () => {
    const lines = [about, ...(await record())];
    const text = lines.map((line) => `${JSON.stringify(line)}\n`).join('');
    await expect(text).toMatchFileSnapshot('recordings/handoff.jsonl');
  });

  test('replayed, gives the events of the conversation', () => {
    const [first, ...natives] = readFileSync(new URL('handoff.jsonl', recordings), 'utf8')
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line));
    expect(first).toEqual(about);
    const state = openaiAgents.start(Runner);
    const events = natives.flatMap((native: OpenAIAgentsNative) => [...openaiAgents.translate(native, state)]);
    expect(events.map(describeEvent).join('\n')).toMatchInlineSnapshot(`
      "run.start run="run-1" agent="Triage" workflow="Triage" session="memory-1" input()
      step.start run="run-1" call="session-getItems-1" step="session" name="getItems"
      step.end run="run-1" call="session-getItems-1" outcome={"kind":"ok"}
      step.start run="run-1" call="guardrail-1" step="guardrail" name="polite"
      step.end run="run-1" call="guardrail-1" outcome={"kind":"ok"}
      agent.start run="run-1" call="agent-1" agent="Triage"
      model.start run="run-1" call="model-1" model="test-model" provider="openai" within="agent-1" input()
      model.end run="run-1" call="model-1" outcome={"kind":"ok"} usage={"input":100,"output":20,"cacheRead":0,"reasoning":0} model="test-model" response="resp_1" finish=["tool_call"] output()
      agent.end run="run-1" call="agent-1" outcome={"kind":"ok"} output()
      agent.start run="run-1" call="agent-2" agent="Billing"
      model.start run="run-1" call="model-2" model="test-model" provider="openai" within="agent-2" input()
      model.end run="run-1" call="model-2" outcome={"kind":"ok"} usage={"input":100,"output":20,"cacheRead":0,"reasoning":0} model="test-model" response="resp_2" finish=["tool_call"] output()
      tool.start run="run-1" call="tool-call_2" callId="call_2" tool="lookup" within="agent-2" input()
      tool.end run="run-1" call="tool-call_2" outcome={"kind":"ok"} output()
      model.start run="run-1" call="model-3" model="test-model" provider="openai" within="agent-2" input()
      model.end run="run-1" call="model-3" outcome={"kind":"ok"} usage={"input":100,"output":20,"cacheRead":0,"reasoning":0} model="test-model" response="resp_3" finish=["stop"] output()
      step.start run="run-1" call="session-addItems-2" step="session" name="addItems"
      step.end run="run-1" call="session-addItems-2" outcome={"kind":"ok"}
      agent.end run="run-1" call="agent-2" outcome={"kind":"ok"} output()
      run.end run="run-1" outcome={"kind":"ok"} output()
      run.start run="run-2" agent="Triage" workflow="Triage" session="memory-1" input()
      step.start run="run-2" call="session-getItems-3" step="session" name="getItems"
      step.end run="run-2" call="session-getItems-3" outcome={"kind":"ok"}
      step.start run="run-2" call="guardrail-2" step="guardrail" name="polite"
      step.end run="run-2" call="guardrail-2" outcome={"kind":"ok"}
      agent.start run="run-2" call="agent-1" agent="Triage"
      model.start run="run-2" call="model-4" model="test-model" provider="openai" within="agent-1" input()
      model.end run="run-2" call="model-4" outcome={"kind":"error","type":"503"} output()
      agent.end run="run-2" call="agent-1" outcome={"kind":"error","type":"503"} output()
      run.end run="run-2" outcome={"kind":"error","type":"503"} output()"
    `);
    expect(state.runs.size).toBe(0);
  });
});

function describeEvent(event: RunEvent): string {
  const { type, ...rest } = event;
  const words = Object.entries(rest).flatMap(([key, value]) => {
    if (value === undefined) return [];
    return typeof value === 'function' ? [`${key}()`] : [`${key}=${JSON.stringify(value)}`];
  });
  return [type, ...words].join(' ');
}
