import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { homedir, tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { captureFiles, type Capture } from '@turnkeeper/check';
import { startOtlpReceiver } from '@turnkeeper/model-server/otlp';

export const root: string = fileURLToPath(new URL('..', import.meta.url));

/** Where tests keep, from one run to the next, what is large or slow to make: in the user's cache. */
export const cache: string = join(process.env['XDG_CACHE_HOME'] ?? join(homedir(), '.cache'), 'turnkeeper');

/** How a program went. */
export interface Ended {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface ProgramOptions {
  readonly cwd?: string;
  readonly env?: NodeJS.ProcessEnv;
  /** The Node to run; this one by default. */
  readonly node?: string;
}

/** Runs Node with these arguments to its end. */
export async function runNode(argv: readonly string[], options: ProgramOptions = {}): Promise<Ended> {
  // pnpm's NODE_PATH would let a program find what it has not installed.
  const { NODE_OPTIONS: _options, NODE_PATH: _path, VITEST: _vitest, NODE_ENV: _env, ...inherited } = process.env;
  const child = spawn(options.node ?? process.execPath, argv, {
    cwd: options.cwd ?? root,
    env: { ...inherited, ...options.env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const [[status], stdout, stderr] = await Promise.all([once(child, 'exit'), text(child.stdout), text(child.stderr)]);
  return { status: typeof status === 'number' ? status : null, stdout, stderr };
}

/** A temporary folder with a receiver that writes to a file in it. */
export interface Received extends AsyncDisposable {
  readonly folder: string;
  readonly file: string;
  /** What makes a program of the SDK export there. */
  readonly env: NodeJS.ProcessEnv;
  /** How many requests came. */
  requests(): number;
  /** What the file holds by now. */
  capture(): Promise<Capture>;
}

export async function receive(): Promise<Received> {
  const folder = await mkdtemp(join(tmpdir(), 'turnkeeper-test-'));
  const file = join(folder, 'traces.jsonl');
  const receiver = await startOtlpReceiver({ file });
  return {
    folder,
    file,
    env: {
      OTEL_EXPORTER_OTLP_ENDPOINT: receiver.url,
      OTEL_EXPORTER_OTLP_PROTOCOL: 'http/json',
      OTEL_LOGS_EXPORTER: 'none',
      OTEL_METRICS_EXPORTER: 'none',
    },
    requests: () => receiver.requests.length,
    capture: () => captureFiles([file]),
    async [Symbol.asyncDispose]() {
      await receiver.close();
      await rm(folder, { recursive: true, force: true });
    },
  };
}
