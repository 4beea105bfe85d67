import { existsSync } from 'node:fs';
import { cp, mkdir, mkdtemp, rename, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestProject } from 'vitest/node';
import { cache, root } from '../program.ts';
import { ENGINES, LINES, NODES } from './lines.ts';
import { npmInstall, pack } from './npm.ts';

/** One line, installed into two folders. */
export interface InstalledLine {
  readonly name: string;
  readonly withoutEngine: string;
  readonly withEngines: string;
  /** What npm wrote on its standard error. */
  readonly complaints: string;
}

/** What the tests of this project share: it is installed once. */
export interface Installation {
  readonly tarballs: readonly string[];
  readonly lines: readonly InstalledLine[];
  /** The programs of the Node versions, in the order of NODES. */
  readonly nodes: readonly { readonly version: string; readonly path: string }[];
}

declare module 'vitest' {
  interface ProvidedContext {
    readonly installation: Installation;
  }
}

const home: Promise<string> = mkdtemp(join(tmpdir(), 'turnkeeper-packed-'));

/** Packs both packages and installs them with npm beside each line of OpenTelemetry, in fresh folders. */
export async function setup({ provide }: TestProject): Promise<void> {
  const folder = await home;
  const tarballs = await Promise.all(
    ['instrumentation', 'check'].map((name) => pack(join(root, 'packages', name), folder)),
  );
  const [nodes, ...lines] = await Promise.all([
    Promise.all(NODES.map(installNode)),
    ...LINES.map((line, index) => installLine(join(folder, `line-${index}`), line, tarballs)),
  ]);
  provide('installation', { tarballs, lines, nodes });
}

export async function teardown(): Promise<void> {
  await rm(await home, { recursive: true, force: true });
}

async function installLine(
  folder: string,
  { name, packages }: (typeof LINES)[number],
  tarballs: readonly string[],
): Promise<InstalledLine> {
  const [withoutEngine, withEngines] = [join(folder, 'without-engine'), join(folder, 'with-engines')];
  const programs = join(root, 'test/packed/programs');
  const complaints = await Promise.all([
    installFolder(withoutEngine, [...packages, ...tarballs]),
    installFolder(withEngines, [...packages, ...tarballs, ...ENGINES]),
  ]);
  await Promise.all([withoutEngine, withEngines].map((project) => cp(programs, project, { recursive: true })));
  return { name, withoutEngine, withEngines, complaints: complaints.join('') };
}

async function installFolder(folder: string, packages: readonly string[]): Promise<string> {
  await mkdir(folder, { recursive: true });
  return npmInstall(folder, packages);
}

/** The package `node` brings a platform's own, which holds the program: 100 MB that never change, so they are kept. */
async function installNode(version: string): Promise<Installation['nodes'][number]> {
  if (version === process.versions.node) return { version, path: process.execPath };
  const folder = join(cache, `node-${version}`);
  const path = join(folder, 'node_modules/node/bin/node');
  if (!existsSync(path)) {
    const fresh = `${folder}.${process.pid}`;
    const platform = `node-${process.platform === 'win32' ? 'win' : process.platform}-${process.arch}`;
    await installFolder(fresh, [`node@npm:${platform}@${version}`]);
    // Whole or not at all, whoever installs beside this.
    await rename(fresh, folder).catch(() => rm(fresh, { recursive: true }));
  }
  return { version, path };
}
