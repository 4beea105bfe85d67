import { spawnSync } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';

/** What others use, in a folder of the benchmark's own. */
export interface Peers {
  /** Imports a package of theirs. */
  load<Module>(specifier: string): Promise<Module>;
  version(name: string): string;
}

/** Whatever is newest. The SDK is the one of this workspace, so that all contestants have the same. */
const COMPARED = [
  '@opentelemetry/baggage-span-processor',
  '@langfuse/otel',
  '@langfuse/tracing',
  '@arizeai/openinference-core',
  '@arizeai/openinference-instrumentation-openai-agents',
  '@traceloop/node-server-sdk',
];
const SHARED = [
  '@opentelemetry/api',
  '@opentelemetry/sdk-trace-base',
  '@opentelemetry/core',
  '@opentelemetry/exporter-trace-otlp-http',
  '@openai/agents',
];
const NEXT_SDK = ['@opentelemetry/api@1.10', '@opentelemetry/sdk-trace@3', '@opentelemetry/core@3'];

/** Installs what others use; undefined, with a line that says so, where that cannot be done. */
export function installPeers(): Peers | undefined {
  return install('others', [...COMPARED.map((name) => `${name}@latest`), ...SHARED.map(asInWorkspace)]);
}

/** Installs the next line of the SDK. */
export function installNextSdk(): Peers | undefined {
  return install('sdk-3', NEXT_SDK);
}

function asInWorkspace(name: string): string {
  return `${name}@${versionIn(import.meta.dirname, name)}`;
}

function install(name: string, packages: readonly string[]): Peers | undefined {
  const folder = join(import.meta.dirname, 'node_modules', '.peers', name);
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, 'package.json'), JSON.stringify({ private: true, type: 'module' }));
  const argv = ['install', '--no-save', '--no-audit', '--no-fund', '--ignore-scripts', '--loglevel=error', ...packages];
  const { status, stderr } = spawnSync('npm', argv, { cwd: folder, encoding: 'utf8' });
  if (status !== 0) {
    console.error(`skipped: ${packages.join(', ')} cannot be installed: ${stderr.trim().split('\n').at(-1)}`);
    return undefined;
  }
  return {
    load: async (specifier) => await import(pathToFileURL(resolveIn(folder, specifier)).href),
    version: (of) => versionIn(folder, of),
  };
}

/** As an ES module, which is what everybody else here is. */
function resolveIn(folder: string, specifier: string): string {
  return createRequire(join(folder, 'package.json')).resolve(specifier);
}

function versionIn(folder: string, name: string): string {
  for (const place of createRequire(join(folder, 'package.json')).resolve.paths(name) ?? []) {
    try {
      const { version }: { readonly version: string } = JSON.parse(
        readFileSync(join(place, name, 'package.json'), 'utf8'),
      );
      return version;
    } catch {
      // Not in this place: look in the next.
    }
  }
  throw new Error(`${name} is not installed`);
}
