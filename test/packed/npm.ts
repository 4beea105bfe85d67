import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import { delimiter, dirname, join } from 'node:path';
import { text } from 'node:stream/consumers';

/** Installs packages with npm into a folder, as a user does. Returns what npm complained of. */
export async function npmInstall(folder: string, packages: readonly string[]): Promise<string> {
  // The type is what `npm init -y` writes.
  await writeFile(join(folder, 'package.json'), '{ "private": true, "type": "commonjs" }\n', { flag: 'a' });
  const { stderr } = await run('npm', ['install', ...packages, '--prefer-offline', '--no-audit', '--no-fund'], folder);
  return stderr;
}

/** Packs a package of the workspace as it would be published; returns the tarball. */
export async function pack(packageFolder: string, into: string): Promise<string> {
  const { stdout } = await run('pnpm', ['pack', '--json', '--pack-destination', into], packageFolder);
  const packed: unknown = JSON.parse(stdout);
  if (typeof packed === 'object' && packed !== null && 'filename' in packed) return String(packed.filename);
  throw new Error(`pnpm pack said nothing of a tarball: ${stdout}`);
}

/** Runs a package manager on the Node that runs this, without the settings of the one that started this. */
async function run(command: string, argv: readonly string[], cwd: string): Promise<{ stdout: string; stderr: string }> {
  const inherited = Object.entries(process.env).filter(([name]) => !/^(?:npm|pnpm|vitest|node_env)/i.test(name));
  const env = {
    ...Object.fromEntries(inherited),
    PATH: [dirname(process.execPath), process.env['PATH']].join(delimiter),
  };
  const child = spawn(command, argv, { cwd, env, stdio: ['ignore', 'pipe', 'pipe'] });
  const [[status], stdout, stderr] = await Promise.all([once(child, 'exit'), text(child.stdout), text(child.stderr)]);
  if (status !== 0) throw new Error(`${command} ${argv.join(' ')} failed:\n${stdout}\n${stderr}`);
  return { stdout, stderr };
}
