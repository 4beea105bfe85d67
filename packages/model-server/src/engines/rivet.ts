import { execFile, spawn, type ChildProcess } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { access, chmod, constants, mkdir, mkdtemp, realpath, rm } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { delimiter, dirname, join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { promisify } from 'node:util';
import { SandboxAgent, type SessionPersistDriver } from 'sandbox-agent';
import { onFreePorts } from '../free-ports.ts';
import { preparePi } from './pi-process.ts';

export interface RivetOptions {
  /** What the agent `cursor` is: a script that is an ACP agent on standard input and output. Ours by default. */
  readonly agent?: string;
  /** Where the model server listens: with it, the agent `pi` is the real Pi behind the real `pi-acp`. */
  readonly url?: string;
  /** Further environment of the daemon, which its agents inherit. */
  readonly env?: Readonly<Record<string, string>>;
}

/** What is needed to start a daemon, for `local` of `sandbox-agent/local` as well. Its files go with it. */
export interface RivetHome extends AsyncDisposable {
  readonly binaryPath: string;
  readonly env: Record<string, string>;
  /** The agents' working directory. */
  readonly cwd: string;
}

/** A real sandbox-agent daemon. */
export interface OpenRivet extends AsyncDisposable {
  readonly cwd: string;
  readonly url: string;
  /** What its clients show. */
  readonly token: string;
  readonly pid: number;
  /** A client of the daemon. `persist`: what it remembers beyond its own life; its memory by default. */
  connect(options?: { readonly persist?: SessionPersistDriver }): Promise<SandboxAgent>;
}

const require = createRequire(import.meta.url);

/**
 * Everything that a real daemon needs, in a temporary home: product telemetry off, nothing installed from the network.
 * It has the agents `cursor`, a scripted one, and `pi`, where there is a model server for it.
 */
export async function prepareRivet({ agent, url, env = {} }: RivetOptions = {}): Promise<RivetHome> {
  const home = await realpath(await mkdtemp(join(tmpdir(), 'turnkeeper-rivet-')));
  const [cwd, data, bin] = [join(home, 'work'), join(home, 'data'), join(home, 'bin')];
  const agents = join(data, 'sandbox-agent', 'bin', 'agent_processes');
  await Promise.all([cwd, bin, agents].map((directory) => mkdir(directory, { recursive: true })));
  const script = agent ?? join(import.meta.dirname, 'acp-agent-main.js');
  await executable(join(agents, 'cursor-acp'), `exec '${process.execPath}' '${script}'`);
  const pi = url === undefined ? {} : await installPi({ home, agents, bin, url });
  // `local` cannot pass a flag, and without this one the daemon tells its makers about itself.
  const binaryPath = join(home, 'sandbox-agent');
  await executable(binaryPath, `exec '${await daemonBinary()}' "$@" --no-telemetry`);
  return {
    binaryPath,
    cwd,
    env: {
      HOME: home,
      PATH: [bin, process.env['PATH']].join(delimiter),
      XDG_DATA_HOME: data,
      SANDBOX_AGENT_LOG_DIR: join(home, 'log'),
      SANDBOX_AGENT_REQUIRE_PREINSTALL: '1',
      ...pi,
      ...env,
    },
    [Symbol.asyncDispose]: () => rm(home, { recursive: true, force: true, maxRetries: 5 }),
  };
}

/** Starts a real daemon in a home of its own. Whoever disposes of it ends its clients and agents with it. */
export async function openRivet(options: RivetOptions = {}): Promise<OpenRivet> {
  const home = await prepareRivet(options);
  const { url, token, process: daemon, exited } = await onFreePorts(1, ([port = 0]) => startDaemon(home, port));
  const clients: SandboxAgent[] = [];
  return {
    cwd: home.cwd,
    url,
    token,
    pid: daemon.pid ?? 0,
    async connect({ persist } = {}) {
      const client = await SandboxAgent.connect({ baseUrl: url, token, ...(persist && { persist }) });
      clients.push(client);
      return client;
    },
    async [Symbol.asyncDispose]() {
      // Before its clients: a client waits two seconds for a daemon that never answers its farewell.
      daemon.kill();
      await exited;
      await Promise.allSettled(clients.map((client) => client.dispose()));
      await home[Symbol.asyncDispose]();
    },
  };
}

interface Daemon {
  readonly url: string;
  readonly token: string;
  readonly process: ChildProcess;
  readonly exited: Promise<unknown>;
}

/** Gives nothing where the daemon ends at once: the port is taken. Its token tells it from whoever took it. */
async function startDaemon({ binaryPath, env }: RivetHome, port: number): Promise<Daemon | undefined> {
  const token = randomUUID();
  const daemon = spawn(binaryPath, ['server', '--host', '127.0.0.1', '--port', String(port), '--token', token], {
    stdio: 'ignore',
    env: { ...process.env, ...env },
  });
  const exited = once(daemon, 'exit');
  const url = `http://127.0.0.1:${port}`;
  const isHealthy = async (): Promise<boolean> => {
    const headers = { authorization: `Bearer ${token}` };
    const asked = fetch(`${url}/v1/health`, { headers }).then((response) => response.text());
    return (await asked.catch(() => '')) === '{"status":"ok"}';
  };
  while (!(await isHealthy())) {
    if (daemon.exitCode !== null || daemon.signalCode !== null) return undefined;
    await wait(5);
  }
  return { url, token, process: daemon, exited };
}

/**
 * Written by another process: what this one starts meanwhile holds the files that it has open until it is on its own, and
 * what somebody may still write to cannot be started (ETXTBSY).
 */
async function executable(path: string, command: string): Promise<void> {
  const script = 'printf %s "$2" > "$1" && chmod 755 "$1"';
  await promisify(execFile)('/bin/sh', ['-c', script, 'sh', path, `#!/bin/sh\n${command}\n`]);
}

/** The binary comes without its executable bit where a package manager runs no install scripts. */
async function daemonBinary(): Promise<string> {
  const packages = createRequire(require.resolve('@sandbox-agent/cli/package.json'));
  const manifest = packages.resolve(`@sandbox-agent/cli-${process.platform}-${process.arch}/package.json`);
  const binary = join(dirname(manifest), 'bin', 'sandbox-agent');
  await access(binary, constants.X_OK).catch(() => chmod(binary, 0o755));
  return binary;
}

async function installPi({ home, agents, bin, url }: PiPlaces): Promise<Record<string, string>> {
  const { command, env } = await preparePi(join(home, 'pi'), url);
  await Promise.all([
    executable(join(agents, 'pi-acp'), `exec '${process.execPath}' '${require.resolve('pi-acp')}' "$@"`),
    executable(join(home, 'pi-command'), `exec '${process.execPath}' '${command}' "$@"`),
    // `pi-acp` asks this one for its version, and with the answer the network for a newer one.
    executable(join(bin, 'pi'), 'exit 1'),
  ]);
  return { ...env, PI_ACP_PI_COMMAND: join(home, 'pi-command') };
}

interface PiPlaces {
  readonly home: string;
  readonly agents: string;
  readonly bin: string;
  readonly url: string;
}
