/** Both packages as users install them: packed, by npm, beside either line of OpenTelemetry, on every Node. */
import { spawnSync } from 'node:child_process';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import '@turnkeeper/check/vitest';
import { startModelServer } from '@turnkeeper/model-server';
import { describe, expect, inject, test } from 'vitest';
import { receive, root, runNode, type Ended } from '../program.ts';
import { openPiHome } from './pi-home.ts';

const { lines, nodes } = inject('installation');

/** How a program is traced: by variables alone, or by a NodeSDK of its own. */
const REGISTER = ['--import', '@turnkeeper/instrumentation/register'];
const HOOK = ['--import', '@turnkeeper/instrumentation/hook'];

describe.each(lines)('$name', (line) => {
  test('installs without a conflict, and without a warning that is about us', () => {
    const about = line.complaints.split('\n').filter((warning) => /ERESOLVE|peer|EBADENGINE|turnkeeper/i.test(warning));
    expect(about).toEqual([]);
  });

  test('compiles in a program that checks its libraries too', async () => {
    const compilerOptions = {
      strict: true,
      exactOptionalPropertyTypes: true,
      module: 'nodenext',
      target: 'es2022',
      lib: ['es2023'],
      types: ['node'],
      noEmit: true,
      skipLibCheck: false,
    };
    const project = join(line.withoutEngine, 'tsconfig.json');
    await writeFile(project, JSON.stringify({ compilerOptions, files: ['consumer.ts'] }));
    const compiled = spawnSync(join(root, 'node_modules/.bin/tsc'), ['--project', project], { encoding: 'utf8' });
    expect(compiled).toMatchObject({ status: 0, stdout: '' });
  });

  describe.each(nodes)('on Node $version', ({ path }) => {
    test.concurrent.each([
      ['register, an ES module', [...REGISTER, 'service.mjs']],
      ['register, CommonJS', [...REGISTER, 'service.cjs']],
      ['register, required', ['--require', '@turnkeeper/instrumentation/register', 'service.mjs']],
      ['a NodeSDK, an ES module', ['--import', './telemetry.mjs', 'service.mjs']],
      ['a NodeSDK, CommonJS', ['--import', './telemetry.cjs', 'service.cjs']],
    ])('without an engine: %s', async (_name, argv) => {
      await using received = await receive();
      const ended = await runNode(argv, { node: path, cwd: line.withoutEngine, env: received.env });
      expect(withoutNotices(ended)).toEqual({ status: 0, stdout: 'hello you\nhello you again\n', stderr: '' });
      const capture = await received.capture();
      expect(capture.tree()).toBe(
        [
          'invoke_agent greeter [session conv-42] run.start',
          '  SELECT',
          'invoke_agent greeter [session conv-42] run.start -> previous turn',
          '  SELECT',
        ].join('\n'),
      );
      expect(capture).toPassChecks();
    });

    test.concurrent.each(['console', 'otlp'])(
      'stamps log records for OTEL_LOGS_EXPORTER=%s: register',
      async (name) => {
        await using received = await receive();
        const env = { ...received.env, OTEL_LOGS_EXPORTER: name };
        const ended = await runNode([...REGISTER, 'logs.mjs'], { node: path, cwd: line.withoutEngine, env });
        expect(withoutNotices(ended)).toMatchObject({ status: 0, stderr: '' });
        const written = name === 'otlp' ? await readFile(received.file, 'utf8') : ended.stdout;
        for (const value of ['a line', 'conv-42', 'u-7']) expect(written).toContain(value);
      },
    );

    test.concurrent('a child process goes on in the context of its environment: register', async () => {
      await using received = await receive();
      const ended = await runNode([...REGISTER, 'child.mjs'], {
        node: path,
        cwd: line.withoutEngine,
        env: received.env,
      });
      expect(withoutNotices(ended)).toEqual({ status: 0, stdout: 'hello you\n', stderr: '' });
      const capture = await received.capture();
      expect(capture.tree()).toBe(['job [session conv-42]', '  invoke_agent greeter run.start'].join('\n'));
      expect(capture).toPassChecks();
    });

    // A start of Pi takes a second: each way of tracing and each kind of module once, not all of their pairs.
    test.concurrent.each([
      ['register, an ES module', [...REGISTER, 'pi.mjs']],
      ['a NodeSDK, CommonJS', [...HOOK, '--import', './telemetry.cjs', 'pi.cjs']],
    ])('with the real Pi: %s', async (_name, argv) => {
      await using received = await receive();
      await using server = await startModelServer({ script: ({ lastUserText }) => `You said ${lastUserText}` });
      const env = { ...received.env, ...(await openPiHome(received.folder, server)) };
      const ended = await runNode(argv, { node: path, cwd: line.withEngines, env });
      expect(withoutNotices(ended)).toEqual({ status: 0, stdout: 'You said two\n', stderr: '' });
      const capture = await received.capture();
      expect(capture.tree()).toBe(
        [
          'invoke_agent pi [session conv-42] run.start',
          '  chat test-model',
          'invoke_agent pi [session conv-42] run.start -> previous turn',
          '  chat test-model',
        ].join('\n'),
      );
      expect(capture).toPassChecks();
    });

    test.concurrent('with OpenAI Agents, required: register', async () => {
      await using received = await receive();
      await using server = await startModelServer({ script: ({ lastUserText }) => `You said ${lastUserText}` });
      const openai = {
        OPENAI_BASE_URL: `${server.url}/v1`,
        OPENAI_API_KEY: 'none',
        OPENAI_AGENTS_DISABLE_TRACING: '1',
      };
      const env = { ...received.env, ...openai };
      const ended = await runNode([...REGISTER, 'openai-agents.cjs'], { node: path, cwd: line.withEngines, env });
      expect(withoutNotices(ended)).toEqual({ status: 0, stdout: 'You said one\nYou said two\n', stderr: '' });
      const capture = await received.capture();
      expect(capture.tree()).toBe(
        [
          'invoke_agent Guide [session conv-42] run.start',
          '  chat test-model',
          'invoke_agent Guide [session conv-42] run.start -> previous turn',
          '  chat test-model',
        ].join('\n'),
      );
      expect(capture).toPassChecks();
    });
  });
});

/** Node tells of what is new to it. */
function withoutNotices(ended: Ended): Ended {
  const rest = ended.stderr.split('\n').filter((text) => !/ExperimentalWarning|^\(Use `node --trace/.test(text));
  return { ...ended, stderr: rest.join('\n') };
}
