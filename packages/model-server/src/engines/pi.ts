import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  createAgentSession,
  ModelRuntime,
  SessionManager,
  SettingsManager,
  type AgentSession,
  type ToolDefinition,
} from '@earendil-works/pi-coding-agent';

export interface PiOptions {
  /** Where the model server listens. */
  readonly url: string;
  readonly api?: 'openai-completions' | 'openai-responses';
  /** What Pi calls the session; a new uuid by default. */
  readonly id?: string;
  readonly tools?: readonly ToolDefinition[];
  /** Keep the context small, so that a turn or two makes Pi compact. */
  readonly compaction?: { readonly contextWindow: number };
  readonly maxRetries?: number;
}

/** A real Pi session in a home of its own, which goes with it. */
export interface OpenPi extends AsyncDisposable {
  readonly session: AgentSession;
}

/** Opens a real Pi session on the model server: product telemetry and network off, its files in a temporary home. */
export async function openPi({
  url,
  api = 'openai-completions',
  id,
  tools = [],
  compaction,
  maxRetries = 2,
}: PiOptions): Promise<OpenPi> {
  Object.assign(process.env, { PI_OFFLINE: '1', PI_TELEMETRY: '0', PI_SKIP_VERSION_CHECK: '1' });
  const home = await mkdtemp(join(tmpdir(), 'turnkeeper-pi-'));
  const agentDir = join(home, 'agent');
  const cwd = join(home, 'work');
  await Promise.all([mkdir(agentDir), mkdir(cwd)]);
  const modelsPath = join(agentDir, 'models.json');
  const model = { id: 'test-model', ...(compaction && { contextWindow: compaction.contextWindow }) };
  const provider = { baseUrl: `${url}/v1`, api, apiKey: 'none', models: [model] };
  await writeFile(modelsPath, JSON.stringify({ providers: { loopback: provider } }));
  const modelRuntime = await ModelRuntime.create({ authPath: join(agentDir, 'auth.json'), modelsPath });
  const found = modelRuntime.getModel('loopback', 'test-model');
  if (found === undefined) throw new Error('Pi has not read the models file of its temporary home');
  const { session } = await createAgentSession({
    cwd,
    agentDir,
    modelRuntime,
    model: found,
    thinkingLevel: 'off',
    tools: tools.map(({ name }) => name),
    customTools: [...tools],
    sessionManager: SessionManager.inMemory(cwd, id === undefined ? {} : { id }),
    settingsManager: SettingsManager.inMemory({
      compaction: { enabled: compaction !== undefined, reserveTokens: 10, keepRecentTokens: 1 },
      retry: { enabled: maxRetries > 0, maxRetries, baseDelayMs: 10 },
    }),
  });
  return {
    session,
    async [Symbol.asyncDispose]() {
      session.dispose();
      await rm(home, { recursive: true, force: true });
    },
  };
}
