import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  createAgentSessionFromServices,
  createAgentSessionRuntime,
  createAgentSessionServices,
  ModelRuntime,
  SessionManager,
  SettingsManager,
  type AgentSession,
  type AgentSessionRuntime,
  type InlineExtension,
  type ToolDefinition,
} from '@earendil-works/pi-coding-agent';

export interface PiOptions {
  /** Where the model server listens. */
  readonly url: string;
  readonly api?: 'openai-completions' | 'openai-responses';
  /** What Pi calls the session; a new uuid by default. */
  readonly id?: string;
  readonly tools?: readonly ToolDefinition[];
  readonly extensions?: readonly InlineExtension[];
  /** Which tools of the extensions the model may call. */
  readonly extensionTools?: readonly string[];
  /** The model's context, in tokens: with a small one, a turn or two make Pi compact. */
  readonly contextWindow?: number;
  readonly maxRetries?: number;
}

/** A real Pi session in a home of its own, which goes with it. */
export interface OpenPi extends AsyncDisposable {
  /** The session it opened with; after a fork or a new session, look at `runtime.session`. */
  readonly session: AgentSession;
  readonly runtime: AgentSessionRuntime;
}

/** Opens a real Pi session on the model server: product telemetry and network off, its files in a temporary home. */
export async function openPi(options: PiOptions): Promise<OpenPi> {
  Object.assign(process.env, { PI_OFFLINE: '1', PI_TELEMETRY: '0', PI_SKIP_VERSION_CHECK: '1' });
  const home = await mkdtemp(join(tmpdir(), 'turnkeeper-pi-'));
  const agentDir = join(home, 'agent');
  const cwd = join(home, 'work');
  await Promise.all([mkdir(agentDir), mkdir(cwd)]);
  const { contextWindow, maxRetries = 2, tools = [], extensionTools = [] } = options;
  const modelsPath = join(agentDir, 'models.json');
  const models = [{ id: 'test-model', ...(contextWindow !== undefined && { contextWindow, maxTokens: 100 }) }];
  const provider = { baseUrl: `${options.url}/v1`, api: options.api ?? 'openai-completions', apiKey: 'none', models };
  await writeFile(modelsPath, JSON.stringify({ providers: { loopback: provider } }));
  const modelRuntime = await ModelRuntime.create({ authPath: join(agentDir, 'auth.json'), modelsPath });
  const model = modelRuntime.getModel('loopback', 'test-model');
  if (model === undefined) throw new Error('Pi has not read the models file of its temporary home');
  const settingsManager = SettingsManager.inMemory({
    compaction: { enabled: contextWindow !== undefined, reserveTokens: 10, keepRecentTokens: 1 },
    retry: { enabled: maxRetries > 0, maxRetries, baseDelayMs: 10 },
  });
  const runtime = await createAgentSessionRuntime(
    async ({ sessionManager, sessionStartEvent }) => {
      const services = await createAgentSessionServices({
        cwd,
        agentDir,
        modelRuntime,
        settingsManager,
        resourceLoaderOptions: { extensionFactories: [...(options.extensions ?? [])] },
      });
      const created = await createAgentSessionFromServices({
        services,
        sessionManager,
        ...(sessionStartEvent && { sessionStartEvent }),
        model,
        thinkingLevel: 'off',
        tools: [...tools.map(({ name }) => name), ...extensionTools],
        customTools: [...tools],
      });
      return { ...created, services, diagnostics: services.diagnostics };
    },
    { cwd, agentDir, sessionManager: SessionManager.inMemory(cwd, options.id === undefined ? {} : { id: options.id }) },
  );
  return {
    session: runtime.session,
    runtime,
    async [Symbol.asyncDispose]() {
      await runtime.dispose();
      await rm(home, { recursive: true, force: true });
    },
  };
}
