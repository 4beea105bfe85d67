import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { root, runNode } from './program.ts';

const turnkeeper = join(root, 'packages/check/bin/turnkeeper.js');

test('the demo shows two conversations, every span stamped, and the check passes; without one session.id it names the span', async () => {
  const demo = await runNode(['examples/demo.ts', 'pi']);
  expect(demo.stderr).toBe('');
  expect(demo.status).toBe(0);
  expect(demo.stdout).toContain('conv-42: 3 turns, 12 spans carry this id');
  expect(demo.stdout).toContain('conv-7: 2 turns, 9 spans carry this id');
  expect(demo.stdout).toContain('2 conversations, 5 turns, 21 spans in 5 traces checked: nothing wrong');

  const folder = await mkdtemp(join(tmpdir(), 'turnkeeper-test-'));
  try {
    const file = join(folder, 'traces.jsonl');
    const [line = ''] = (await readFile(join(root, 'traces-pi.jsonl'), 'utf8')).split('\n');
    const request = JSON.parse(line);
    const spans = request.resourceSpans.flatMap((resource: { scopeSpans: { spans: object[] }[] }) =>
      resource.scopeSpans.flatMap((scope) => scope.spans),
    );
    const tool = spans.find((span: { name: string }) => span.name === 'execute_tool weather');
    tool.attributes = tool.attributes.filter(({ key }: { key: string }) => key !== 'session.id');
    await writeFile(file, `${JSON.stringify(request)}\n`);
    const checked = await runNode([turnkeeper, 'check', file, '--format', 'json']);
    expect(checked.status).toBe(1);
    expect(JSON.parse(checked.stdout).findings).toEqual([
      expect.objectContaining({
        rule: 'every-span-stamped',
        at: { traceId: tool.traceId, spanId: tool.spanId, file, line: 1 },
      }),
    ]);
    expect(JSON.parse(checked.stdout).findings[0].what).toContain('execute_tool weather');
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
});

test('the demo of OpenAI Agents shows its conversation, and the check passes', async () => {
  const demo = await runNode(['examples/demo.ts', 'openai-agents']);
  expect(demo.stderr).toBe('');
  expect(demo.status).toBe(0);
  expect(demo.stdout).toContain('Weather  How is the weather in Oslo? → Rain in Oslo, 8 °C.');
  expect(demo.stdout).toContain('conv-42: 3 turns');
  expect(demo.stdout).toContain('nothing wrong');
});

test('the demo of Rivet resumes a conversation in a fresh process: one id, two of the agent’s', async () => {
  const demo = await runNode(['examples/demo.ts', 'rivet']);
  expect(demo.stderr).toBe('');
  expect(demo.status).toBe(0);
  expect(demo.stdout).toContain('conv-42: 3 turns');
  expect(demo.stdout).toContain('1 conversation, 3 turns');
  expect(demo.stdout).toContain('nothing wrong');
  const lines = [...demo.stdout.matchAll(/^conv-42 +process (\d+), (\S+), agent’s (\S+):/gm)];
  expect(lines.map(([, , local]) => local)).toEqual(['local-1', 'local-1', 'local-1']);
  expect(new Set(lines.map(([, process]) => process)).size).toBe(2);
  expect(new Set(lines.map(([, , , agent]) => agent)).size).toBe(2);
});

test.each([
  ['acp', '1 conversation, 3 turns'],
  ['copilot', '1 conversation, 3 turns'],
  ['flame', '2 conversations, 4 turns'],
])('the demo of %s shows its conversations, and the check passes', async (name, checked) => {
  const demo = await runNode(['examples/demo.ts', name]);
  expect(demo).toMatchObject({ status: 0, stderr: '' });
  expect(demo.stdout).toContain(checked);
  expect(demo.stdout).toContain('nothing wrong');
});

test('a demo that does not exist is named, with those that do', async () => {
  const demo = await runNode(['examples/demo.ts', 'no-such-engine']);
  expect(demo.status).toBe(2);
  expect(demo.stderr).toMatch(/^There is no demo no-such-engine; there are pi, acp/);
});
