/** Real conversations through the real collector, in the configurations of examples/collector. */
import { spawnSync } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { captureFiles } from '@turnkeeper/check';
import '@turnkeeper/check/vitest';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { root, runNode } from '../program.ts';
import { buildCollector, configurations, hasGo, startCollector } from './collector.ts';

const REGISTER = ['--import', '@turnkeeper/instrumentation/register'];
const turnkeeper = join(root, 'packages/check/bin/turnkeeper.js');

if (!hasGo) console.log('go is not on the PATH: there is no collector to test with, and all of this is skipped');

describe.skipIf(!hasGo)('the collector', () => {
  let program = '';
  let folder = '';
  beforeAll(async () => {
    program = await buildCollector();
    folder = await mkdtemp(join(tmpdir(), 'turnkeeper-test-'));
  }, 30 * 60_000);
  afterAll(() => rm(folder, { recursive: true, force: true }));

  test.each([['file.yaml'], ['clickhouse.yaml'], ['load-balancer.yaml'], ['file.yaml', 'clickhouse.yaml']])(
    'finds nothing wrong with %s %s',
    (...names) => {
      const argv = names.flatMap((name) => ['--config', join(configurations, name)]);
      const validated = spawnSync(program, ['validate', ...argv], { encoding: 'utf8' });
      expect(validated).toMatchObject({ status: 0, stderr: '' });
    },
  );

  test.each([
    {
      protocol: 'http/json',
      argv: ['--import', '@turnkeeper/instrumentation/hook', '--import', './examples/pi/telemetry.ts'],
    },
    { protocol: 'http/protobuf', argv: REGISTER },
  ])('takes the demo over $protocol, and what it writes passes the check', async ({ protocol, argv }) => {
    const file = join(folder, `${protocol.replace('/', '-')}.jsonl`);
    await using collector = await startCollector(program, 'file.yaml', { TELEMETRY_FILE: file });
    const env = { OTEL_EXPORTER_OTLP_ENDPOINT: collector.url, OTEL_EXPORTER_OTLP_PROTOCOL: protocol };
    const ended = await runNode([...argv, 'examples/pi/conversation.ts'], { env });
    expect(ended).toMatchObject({ status: 0, stderr: '' });
    await collector.stop();

    const checked = await runNode([turnkeeper, 'check', file]);
    expect(checked).toMatchObject({ status: 0, stderr: '' });
    expect(checked.stdout).toMatch(/2 conversations, 5 turns, \d+ spans in 5 traces checked: nothing wrong/);
    const capture = await captureFiles([file]);
    expect(capture).toHaveSession('conv-42', { turns: 3 });
    expect(capture).toHaveSession('conv-7', { turns: 2 });
    expect(capture).toStampEverySpan();
  });

  test('in front of two others, gives each of them whole conversations', async () => {
    const files = ['one', 'other'].map((name) => join(folder, `${name}.jsonl`));
    await using one = await startCollector(program, 'file.yaml', { TELEMETRY_FILE: files[0] });
    await using other = await startCollector(program, 'file.yaml', { TELEMETRY_FILE: files[1] });
    await using tier = await startCollector(program, 'load-balancer.yaml', {
      COLLECTOR_1: one.grpc,
      COLLECTOR_2: other.grpc,
    });
    const env = { OTEL_EXPORTER_OTLP_ENDPOINT: tier.url };
    const ended = await runNode([...REGISTER, 'test/collector/conversations.ts', '40'], { env });
    expect(ended).toMatchObject({ status: 0, stderr: '' });
    for (const collector of [tier, one, other]) await collector.stop();

    const captures = await Promise.all(files.map((file) => captureFiles([file])));
    const sessions = captures.map(({ index }) => [...index.sessions.keys()]);
    expect(sessions.flat()).toHaveLength(40);
    expect(new Set(sessions.flat()).size).toBe(40);
    for (const [index, capture] of captures.entries()) {
      expect(sessions[index]!.length).toBeGreaterThan(5);
      for (const session of sessions[index]!) expect(capture).toHaveSession(session, { turns: 2 });
      expect(capture).toPassChecks();
    }
  });
});
