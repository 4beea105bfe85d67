/** The README's quick start, read out of it and typed in by somebody new, in a project of packed tarballs. */
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import '@turnkeeper/check/vitest';
import { startModelServer } from '@turnkeeper/model-server';
import { beforeAll, expect, inject, test } from 'vitest';
import { receive, root, runNode } from '../program.ts';
import { ENGINES, LINES } from './lines.ts';
import { openPiHome } from './pi-home.ts';

const { lines, nodes } = inject('installation');
// What npm installs when nobody asks for a version.
const project = lines.at(-1)!.withEngines;

const readme = await readFile(join(root, 'README.md'), 'utf8');
const quickStart = readme.slice(readme.indexOf('\n## Use it'), readme.indexOf('\n## Prove it'));
const commands = [...quickStart.matchAll(/^(?:node|npm install) .*?(?=\s*#|$)|(?<=`)npm install [^`]*/gm)].map(String);
const snippets = new Map(
  [...quickStart.matchAll(/<!-- snippet: \S*\/(\S+) -->\n```ts\n([\s\S]*?)```/g)].map(([, name = '', text = '']) => [
    name,
    text,
  ]),
);

/** What the README says to do on a Node that is too old for TypeScript. */
const inJavaScript = (text: string): string => text.replaceAll('.mts', '.mjs');

beforeAll(async () => {
  for (const [name, text] of snippets) {
    for (const file of [name, inJavaScript(name)]) await writeFile(join(project, file), text);
  }
});

const told = commands.filter((command) => command.startsWith('npm ')).flatMap((command) => command.split(' ').slice(2));

test('installs exactly what its programs need', async () => {
  expect(ENGINES).toContain(told.find((name) => name.startsWith('@earendil-works/')));
  const manifest: { readonly dependencies: object } = JSON.parse(await readFile(join(project, 'package.json'), 'utf8'));
  const others = ['@turnkeeper/check', '@openai/agents', 'zod'];
  const installed = Object.keys(manifest.dependencies).filter((name) => !others.includes(name));
  const names = new Set(told.map((name) => name.replace(/(?<=.)@.*/, '')));
  expect([...names].toSorted()).toEqual(installed.toSorted());
});

test('names versions of the older line that go with each other', () => {
  const versions = told.filter((name) => /^@opentelemetry\/.+@0/.test(name));
  expect(versions).toHaveLength(2);
  expect(LINES[0]?.packages).toEqual(expect.arrayContaining(versions));
});

const programs = commands.filter((command) => command.startsWith('node '));

test('shows two ways to run app.mts', () => {
  expect([...snippets.keys()]).toEqual(['app.mts', 'telemetry.mts']);
  expect(programs).toHaveLength(2);
});

test.each([
  ...programs.map((command) => [command, process.execPath]),
  ...programs.map((command) => [inJavaScript(command), nodes[0]!.path]),
])('`%s` does what it says', async (command = '', node = '') => {
  await using received = await receive();
  await using server = await startModelServer({ script: ({ lastUserText }) => `You said ${lastUserText}` });
  const env = { ...received.env, ...(await openPiHome(received.folder, server)) };
  const ended = await runNode(command.split(' ').slice(1), { node, cwd: project, env });
  expect(ended).toMatchObject({ status: 0, stdout: '' });
  const capture = await received.capture();
  expect(capture).toHaveSession('conv-42', { turns: 2 });
  expect(capture).toStampEverySpan();
  // And the next command of the README, as installed.
  const checked = await runNode(['node_modules/.bin/turnkeeper', 'check', received.file], { cwd: project });
  expect(checked).toMatchObject({ status: 0, stderr: '' });
  expect(checked.stdout).toContain('1 conversation, 2 turns, 4 spans in 2 traces checked: nothing wrong');
});

test('prints the spans where nobody listens and it is asked to', async () => {
  await using received = await receive();
  await using server = await startModelServer({ script: () => 'hello' });
  const env = { ...received.env, ...(await openPiHome(received.folder, server)), OTEL_TRACES_EXPORTER: 'console' };
  const ended = await runNode(programs[0]!.split(' ').slice(1), { cwd: project, env });
  expect(ended.status).toBe(0);
  expect(ended.stdout).toContain("'session.id': 'conv-42'");
});

test.each(lines)('$name: where nobody listens, a line says so', async ({ withoutEngine }) => {
  await writeFile(join(withoutEngine, 'telemetry.mts'), snippets.get('telemetry.mts')!);
  const gone = await receive();
  await gone[Symbol.asyncDispose]();
  const ended = await runNode(['--import', './telemetry.mts', 'service.mjs'], {
    cwd: withoutEngine,
    env: { ...gone.env, OTEL_EXPORTER_OTLP_TIMEOUT: '1000' },
  });
  expect(ended).toMatchObject({ status: 0, stdout: 'hello you\nhello you again\n' });
  expect(ended.stderr).toMatch(/^not exported: .*ECONNREFUSED.*\n$/);
});

test('an app without an engine installed says which package is missing', async () => {
  const { withoutEngine } = lines.at(-1)!;
  await writeFile(join(withoutEngine, 'app.mts'), snippets.get('app.mts')!);
  const ended = await runNode(programs[0]!.split(' ').slice(1), { cwd: withoutEngine });
  expect(ended.status).toBe(1);
  expect(ended.stderr).toContain("Cannot find package '@earendil-works/pi-coding-agent'");
});
