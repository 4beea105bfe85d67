import { spawn, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { cp, mkdir, mkdtemp, readFile, rename, rm, stat } from 'node:fs/promises';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { setTimeout as sleep } from 'node:timers/promises';
import { onFreePorts } from '@turnkeeper/model-server/free-ports';
import { cache, root } from '../program.ts';

/** Where the configurations are. */
export const configurations: string = join(root, 'examples/collector');

/** Whether there is a Go to build a collector with. */
export const hasGo: boolean = spawnSync('go', ['version']).status === 0;

/**
 * Builds the collector of examples/collector/builder.yaml with the collector's own builder; returns its path. It is
 * kept in the user's cache, by what it is built from.
 */
export async function buildCollector(): Promise<string> {
  const recipe = await readFile(join(configurations, 'builder.yaml'), 'utf8');
  const key = createHash('sha256').update(recipe).digest('hex').slice(0, 16);
  const built = join(cache, `collector-${key}`);
  if (await exists(built)) return built;
  const [, builder] = /go run (\S+)/.exec(recipe) ?? [];
  if (builder === undefined) throw new Error('builder.yaml does not say which builder it is for');
  const folder = await mkdtemp(join(tmpdir(), 'turnkeeper-collector-'));
  try {
    await cp(join(configurations, 'builder.yaml'), join(folder, 'builder.yaml'));
    await runGo(['run', builder, '--config', 'builder.yaml', '--ldflags=-s -w'], folder);
    await mkdir(cache, { recursive: true });
    // Whole or not at all, whoever builds beside this.
    await cp(join(folder, 'build/turnkeeper-collector'), `${built}.${process.pid}`);
    await rename(`${built}.${process.pid}`, built);
    return built;
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** A collector at work. */
export interface RunningCollector extends AsyncDisposable {
  /** What OTEL_EXPORTER_OTLP_ENDPOINT takes. */
  readonly url: string;
  /** Where another collector sends to: OTLP over gRPC. */
  readonly grpc: string;
  /** Ends it as an operator does; what it has taken is written. Throws where it has failed. */
  stop(): Promise<void>;
}

/** Starts a collector with one of the configurations, on free ports of 127.0.0.1, and waits until it listens. */
export function startCollector(
  program: string,
  configuration: string,
  variables: NodeJS.ProcessEnv,
): Promise<RunningCollector> {
  return onFreePorts(2, ([http = 0, grpc = 0]) => startOn({ http, grpc }, program, configuration, variables));
}

async function startOn(
  { http, grpc }: { readonly http: number; readonly grpc: number },
  program: string,
  configuration: string,
  variables: NodeJS.ProcessEnv,
): Promise<RunningCollector | undefined> {
  const child = spawn(program, ['--config', join(configurations, configuration)], {
    env: { ...process.env, ...variables, OTLP_HTTP: `127.0.0.1:${http}`, OTLP_GRPC: `127.0.0.1:${grpc}` },
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  const ended = once(child, 'exit');
  const said = text(child.stderr);
  while (!(await listens(http))) {
    if (child.exitCode !== null) {
      if ((await said).includes('address already in use')) return undefined;
      throw new Error(`the collector ended with ${child.exitCode}:\n${await said}`);
    }
    await sleep(50);
  }
  const end = async (): Promise<unknown> => {
    if (child.exitCode === null) child.kill('SIGTERM');
    const [status] = await ended;
    return status;
  };
  return {
    url: `http://127.0.0.1:${http}`,
    grpc: `127.0.0.1:${grpc}`,
    async stop() {
      const status = await end();
      if (status !== 0) throw new Error(`the collector ended with ${String(status)}:\n${await said}`);
    },
    async [Symbol.asyncDispose]() {
      await end();
    },
  };
}

async function runGo(argv: readonly string[], cwd: string): Promise<void> {
  const child = spawn('go', argv, { cwd, stdio: ['ignore', 'ignore', 'pipe'] });
  const [[status], said] = await Promise.all([once(child, 'exit'), text(child.stderr)]);
  if (status !== 0) throw new Error(`go ${argv.join(' ')} ended with ${String(status)}:\n${said}`);
}

async function listens(port: number): Promise<boolean> {
  const socket = connect(port, '127.0.0.1');
  try {
    await once(socket, 'connect');
    return true;
  } catch {
    return false;
  } finally {
    socket.destroy();
  }
}

async function exists(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    () => false,
  );
}
