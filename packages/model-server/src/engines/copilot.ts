import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  approveAll,
  CopilotClient,
  type CopilotClientOptions,
  type SessionConfig,
  type Tool,
} from '@github/copilot-sdk';

export interface CopilotOptions {
  /** Where the model server listens. */
  readonly url: string;
  readonly api?: 'completions' | 'responses';
  readonly tools?: readonly Tool[];
  /** What the client is to be told besides. */
  readonly client?: Pick<CopilotClientOptions, 'onGetTraceContext' | 'telemetry'>;
  /** The class of the client: another copy of the SDK has its own. */
  readonly Client?: typeof CopilotClient;
}

/** A real Copilot runtime in a home of its own, which goes with it. */
export interface OpenCopilot extends AsyncDisposable {
  readonly client: CopilotClient;
  /** The configuration of a session on the model server. Its tools need no permission. */
  readonly config: SessionConfig;
  readonly home: string;
}

/**
 * Starts the real Copilot runtime on the model server: no account, no telemetry of its own unless asked for, its files
 * in a temporary home. The client is met only when it opens a session.
 */
export async function openCopilot({
  url,
  api = 'completions',
  tools = [],
  client: given = {},
  Client = CopilotClient,
}: CopilotOptions): Promise<OpenCopilot> {
  const home = await mkdtemp(join(tmpdir(), 'turnkeeper-copilot-'));
  // The SDK unpacks its runtime once, beside whatever else caches: here for all homes.
  const cache = join(tmpdir(), 'turnkeeper-copilot-runtime');
  await mkdir(cache, { recursive: true });
  const client = new Client({
    ...given,
    baseDirectory: home,
    workingDirectory: home,
    useLoggedInUser: false,
    env: { ...withoutTelemetry(process.env), HOME: home },
  });
  const before = process.env['XDG_CACHE_HOME'];
  process.env['XDG_CACHE_HOME'] = cache;
  try {
    await client.start();
  } finally {
    if (before === undefined) delete process.env['XDG_CACHE_HOME'];
    else process.env['XDG_CACHE_HOME'] = before;
  }
  const config: SessionConfig = {
    model: 'test-model',
    provider: { type: 'openai', wireApi: api, baseUrl: `${url}/v1`, apiKey: 'none' },
    streaming: true,
    onPermissionRequest: approveAll,
    tools: [...tools],
  };
  return {
    client,
    config,
    home,
    async [Symbol.asyncDispose]() {
      await client.forceStop();
      await rm(home, { recursive: true, force: true, maxRetries: 5, retryDelay: 50 });
    },
  };
}

/** Whoever runs the tests may export traces of their own: the runtime must not join in. */
function withoutTelemetry(environment: NodeJS.ProcessEnv): Record<string, string> {
  return Object.fromEntries(
    Object.entries(environment).filter(
      (entry): entry is [string, string] =>
        entry[1] !== undefined && !/^(OTEL_|COPILOT_|TRACEPARENT$|NODE_OPTIONS$)/.test(entry[0]),
    ),
  );
}
