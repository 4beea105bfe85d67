import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fauxAssistantMessage, fauxProvider, fauxText, fauxToolCall } from '@earendil-works/pi-ai/providers/faux';
import {
  createAgentSession,
  createAgentSessionServices,
  defineTool,
  ModelRuntime,
  SessionManager,
  SettingsManager,
  type AgentSession,
} from '@earendil-works/pi-coding-agent';
import { trace } from '@opentelemetry/api';
import '@turnkeeper/check/vitest';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { observe } from '../../observe.ts';
import { currentSession, withSession } from '../../session/active-session.ts';
import { startTracing, type Tracing } from '../../testing/tracing.ts';
import { pi } from './index.ts';

const CONVERSATIONS = 1_000;
const TURNS = 2;

let tracing: Tracing;
let home: string;
beforeEach(async () => {
  tracing = startTracing();
  home = await mkdtemp(join(tmpdir(), 'turnkeeper-pi-'));
});
afterEach(async () => {
  tracing[Symbol.dispose]();
  await rm(home, { recursive: true, force: true });
});

/** Its work makes a span of its own, after others have had their turn, and answers with the session that it sees. */
const weather = defineTool({
  name: 'weather',
  label: 'Weather',
  description: 'The weather of a city',
  parameters: { type: 'object', properties: {} },
  execute: async () => {
    await new Promise((resolve) => setTimeout(resolve, Math.random() * 20));
    trace.getTracer('database').startSpan('SELECT weather').end();
    return { content: [{ type: 'text', text: `rain for ${currentSession()?.id ?? 'nobody'}` }], details: undefined };
  },
});

async function openMany(): Promise<AgentSession[]> {
  Object.assign(process.env, { PI_OFFLINE: '1', PI_TELEMETRY: '0', PI_SKIP_VERSION_CHECK: '1' });
  const faux = fauxProvider({ provider: 'faux', models: [{ id: 'faux-model' }] });
  const answer = (context: { readonly messages: readonly { readonly role: string; readonly content: unknown }[] }) => {
    const last = context.messages.at(-1);
    if (last?.role !== 'toolResult')
      return fauxAssistantMessage([fauxToolCall('weather', {})], { stopReason: 'toolUse' });
    return fauxAssistantMessage([fauxText(JSON.stringify(last.content))]);
  };
  faux.setResponses(Array.from({ length: CONVERSATIONS * TURNS * 2 }, () => answer));
  const modelRuntime = await ModelRuntime.create({
    authPath: join(home, 'auth.json'),
    modelsPath: join(home, 'models.json'),
  });
  modelRuntime.registerNativeProvider(faux.provider);
  const settingsManager = SettingsManager.inMemory({ retry: { enabled: false } });
  const shared = { cwd: home, agentDir: home, modelRuntime, settingsManager };
  const { resourceLoader } = await createAgentSessionServices(shared);
  const sessions: AgentSession[] = [];
  for (let index = 0; index < CONVERSATIONS; index++) {
    const { session } = await createAgentSession({
      ...shared,
      resourceLoader,
      sessionManager: SessionManager.inMemory(home, { id: `pi-${index}` }),
      model: faux.getModel(),
      thinkingLevel: 'off',
      tools: ['weather'],
      customTools: [weather],
    });
    sessions.push(session);
  }
  return sessions;
}

test(
  'a thousand conversations at the same time on the real Pi keep every span on their own id',
  { timeout: 120_000 },
  async () => {
    const sessions = await openMany();
    for (const session of sessions) observe(pi, session);
    await Promise.all(
      sessions.map(async (session, index) => {
        for (let turn = 0; turn < TURNS; turn++) {
          // Every other one is the platform’s; the rest are called what Pi calls them.
          if (index % 2 === 0) await withSession(`conv-${index}`, () => session.prompt('weather?'));
          else await session.prompt('weather?');
        }
      }),
    );
    const { capture } = tracing;
    // Each turn: its root, two model calls, the tool and the database.
    expect(capture.spans).toHaveLength(CONVERSATIONS * TURNS * 5);
    const expected = sessions.map((_, index) => (index % 2 === 0 ? `conv-${index}` : `pi-${index}`));
    expect(sessions.map((session) => session.getLastAssistantText())).toEqual(
      expected.map((id) => expect.stringContaining(`rain for ${id}"`)),
    );
    const counts = new Map<unknown, number>();
    for (const { attributes } of capture.spans) {
      const id = attributes['session.id'];
      counts.set(id, (counts.get(id) ?? 0) + 1);
    }
    expect(counts).toEqual(new Map(expected.map((id) => [id, TURNS * 5])));
    expect(capture).toStampEverySpan();
    expect(capture).toPassChecks();
    const turns = capture.index.runs.map(({ session, root }) => [session, root.links.length]);
    expect(turns.filter(([, links]) => links === 1)).toHaveLength(CONVERSATIONS);
    for (const session of sessions) session.dispose();
  },
);
