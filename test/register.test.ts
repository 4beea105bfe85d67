import { cp, mkdir, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import '@turnkeeper/check/vitest';
import { describe, expect, test } from 'vitest';
import { receive, root, runNode } from './program.ts';

const app = join(root, 'test/apps/pi-turns.ts');
const register = ['--import', '@turnkeeper/instrumentation/register'];
const turns = ['conv-42', 'hello', '#bash', 'thanks'];

describe('node --import @turnkeeper/instrumentation/register', () => {
  test('puts a real Pi conversation on the platform’s id without a line of code', async () => {
    await using received = await receive();
    const ended = await runNode([...register, app, ...turns], { env: received.env });
    expect(ended).toEqual({ status: 0, stdout: 'hello\n', stderr: '' });
    const capture = await received.capture();
    expect(capture).toHaveSession('conv-42', { turns: 3 });
    expect(capture).toPassChecks();
    expect(capture.tree()).toMatchInlineSnapshot(`
      "invoke_agent pi [session conv-42] run.start
        chat test-model
      invoke_agent pi [session conv-42] run.start -> previous turn
        chat test-model
        execute_tool lookup
        chat test-model
      invoke_agent pi [session conv-42] run.start -> previous turn
        chat test-model"
    `);
  });

  test.each([
    ['0.87', 'packages/model-server/node_modules/@earendil-works/pi-coding-agent/dist/bundle/cli.js'],
    ['0.87, not bundled,', 'packages/model-server/node_modules/@earendil-works/pi-coding-agent/dist/cli.js'],
    ['1.5', 'node_modules/pi-1-5/dist/bundle/cli.js'],
  ])('goes on inside a Pi %s that has a process of its own, in the same trace and session', async (_version, path) => {
    await using received = await receive();
    const rpc = join(root, 'test/apps/pi-process-turns.ts');
    const ended = await runNode([...register, rpc, 'conv-42', 'hello', '#bash'], {
      env: {
        ...received.env,
        PI_COMMAND: join(root, path),
        PI_IMPORT: import.meta.resolve('@turnkeeper/instrumentation/register'),
        PI_TRACES: received.file,
      },
    });
    expect(ended).toEqual({ status: 0, stdout: 'hello\n', stderr: '' });
    const capture = await received.capture();
    expect(capture.tree()).toMatchInlineSnapshot(`
      "conversation [session conv-42]
        invoke_agent pi run.start
          chat test-model
        invoke_agent pi run.start -> previous turn
          chat test-model
          execute_tool bash
          chat test-model"
    `);
    expect(capture).toPassChecks();
  });

  test('is the same by --require, which cannot wait', async () => {
    await using received = await receive();
    const ended = await runNode(['--require', '@turnkeeper/instrumentation/register', app, ...turns], {
      env: received.env,
    });
    expect(ended).toEqual({ status: 0, stdout: 'hello\n', stderr: '' });
    const capture = await received.capture();
    expect(capture).toHaveSession('conv-42', { turns: 3 });
    expect(capture).toPassChecks();
  });

  test('removed, leaves nothing of it', async () => {
    await using received = await receive();
    const ended = await runNode([app, ...turns], { env: received.env });
    expect(ended).toEqual({ status: 0, stdout: 'hello\n', stderr: '' });
    expect(received.requests()).toBe(0);
  });

  test('works through the asynchronous module hook too, as on a Node that is too old for the other', async () => {
    await using received = await receive();
    const old = join(received.folder, 'old-node.mjs');
    // What import-in-the-middle asks before it uses the synchronous hook.
    await writeFile(
      old,
      "Object.defineProperty(process, 'version', { value: 'v22.15.0' }); Object.defineProperty(process.versions, 'node', { value: '22.15.0' });\n",
    );
    for (const option of ['--import', '--require']) {
      const argv = ['--import', old, option, '@turnkeeper/instrumentation/register', app, ...turns];
      expect(await runNode(argv, { env: received.env })).toMatchObject({ status: 0, stdout: 'hello\n' });
    }
    expect(await received.capture()).toHaveSession('conv-42', { turns: 6 });
  });

  test.each(['127.0.0.1', 'localhost'])(
    'says why nothing was exported to a collector at %s that is gone',
    async (host) => {
      const env = { OTEL_EXPORTER_OTLP_ENDPOINT: `http://${host}:9`, OTEL_EXPORTER_OTLP_TIMEOUT: '500' };
      const ended = await runNode([...register, app, 'conv-42', 'hello'], { env });
      expect(ended).toMatchObject({ status: 0, stdout: 'hello\n' });
      expect(ended.stderr).toMatch(/the last spans were not exported: .*ECONNREFUSED/);
    },
  );

  test('prints spans where OTEL_TRACES_EXPORTER says console', async () => {
    const ended = await runNode([...register, app, 'conv-42', 'hello'], {
      env: { OTEL_TRACES_EXPORTER: 'console', OTEL_LOGS_EXPORTER: 'none', OTEL_METRICS_EXPORTER: 'none' },
    });
    expect(ended.status).toBe(0);
    expect(ended.stdout).toContain("'session.id': 'conv-42'");
  });

  test.each(['OTEL_TRACES_EXPORTER', 'OTEL_EXPORTER_OTLP_TRACES_PROTOCOL', 'OTEL_BSP_MAX_QUEUE_SIZE'])(
    'takes a blank %s for one that is not set',
    async (name) => {
      await using received = await receive();
      const env = { ...received.env, [name]: ' ' };
      const ended = await runNode([...register, app, 'conv-42', 'hello'], { env });
      expect(ended).toEqual({ status: 0, stdout: 'hello\n', stderr: '' });
      expect(await received.capture()).toHaveSession('conv-42', { turns: 1 });
    },
  );

  test('sends metrics and logs as NodeSDK does, and no spans, where OTEL_TRACES_EXPORTER says none', async () => {
    await using received = await receive();
    const env = { ...received.env, OTEL_TRACES_EXPORTER: 'none', OTEL_METRICS_EXPORTER: '', OTEL_LOGS_EXPORTER: '' };
    const ended = await runNode([...register, app, 'conv-42', 'hello'], { env });
    expect(ended).toEqual({ status: 0, stdout: 'hello\n', stderr: '' });
    const written = await readFile(received.file, 'utf8');
    expect(written).toContain('"gen_ai.client.operation.duration"');
    expect(written).toContain('"run.start"');
    expect(written).not.toContain('"resourceSpans"');
  });

  test.each(['otlp', 'console'])('stamps the log records that OTEL_LOGS_EXPORTER=%s exports', async (exporter) => {
    await using received = await receive();
    const program = `import { logs } from '@opentelemetry/api-logs';
      import { withSession } from '@turnkeeper/instrumentation';
      withSession({ sessionId: 'conv-42', userId: 'u-7' }, () => logs.getLogger('app').emit({ body: 'hello' }));`;
    const ended = await runNode([...register, '--input-type=module', '--eval', program], {
      // Where the API of logs can be found.
      cwd: join(root, 'packages/instrumentation'),
      env: { ...received.env, OTEL_LOGS_EXPORTER: exporter },
    });
    expect(ended).toMatchObject({ status: 0, stderr: '' });
    const written = exporter === 'otlp' ? await readFile(received.file, 'utf8') : ended.stdout;
    for (const value of ['hello', 'conv-42', 'u-7']) expect(written).toContain(value);
  });

  test.each(['OTEL_EXPORTER_OTLP_PROTOCOL', 'OTEL_EXPORTER_OTLP_TRACES_PROTOCOL'])(
    'names an exporter and a protocol (%s) that it does not know, in one line each, and goes on',
    async (protocol) => {
      await using received = await receive();
      const ended = await runNode([...register, app, 'conv-42', 'hello'], {
        env: {
          ...received.env,
          OTEL_TRACES_EXPORTER: 'otlp,carrier-pigeon',
          OTEL_LOGS_EXPORTER: 'otlp',
          [protocol]: 'smoke',
        },
      });
      expect(ended.status).toBe(0);
      expect(ended.stderr).toContain(
        'OTEL_TRACES_EXPORTER names "carrier-pigeon", which is none of otlp, console and none',
      );
      expect(ended.stderr).toContain(
        `Warning: ${protocol} is "smoke", which is none of http/protobuf, http/json, grpc`,
      );
    },
  );

  test('reads its options from TURNKEEPER_* variables', async () => {
    await using received = await receive();
    const ended = await runNode([...register, app, ' ', 'hello'], {
      env: {
        ...received.env,
        TURNKEEPER_SESSION_ID: 'job-7',
        TURNKEEPER_ALSO_AS: 'langfuse.session.id, thread',
        TURNKEEPER_CONTENT: 'all',
        TURNKEEPER_SEND: 'localhost',
        TURNKEEPER_SAMPLE_RATIO: '1',
        TURNKEEPER_ENGINES: 'pi',
      },
    });
    expect(ended).toEqual({ status: 0, stdout: 'hello\n', stderr: '' });
    const { spans, index } = await received.capture();
    for (const { attributes } of spans) {
      expect(attributes).toMatchObject({ 'session.id': 'job-7', 'langfuse.session.id': 'job-7', thread: 'job-7' });
    }
    expect(index.runs[0]?.root.attributes).toMatchObject({
      'turnkeeper.session.source': 'environment',
      'gen_ai.input.messages': 'hello',
    });
  });

  test('sets options for what is traced by hand, too, where the call says nothing else', async () => {
    await using received = await receive();
    const program = `import { traceService } from '@turnkeeper/instrumentation';
      traceService((words) => words, { name: 'asked' })('said');
      traceService((words) => words, { name: 'not asked', content: 'none', stampOnly: false })('unsaid');`;
    const ended = await runNode([...register, '--input-type=module', '--eval', program], {
      env: {
        ...received.env,
        TURNKEEPER_FALLBACK: 'generate',
        TURNKEEPER_CONTENT: 'all',
        TURNKEEPER_ALSO_AS: 'thread',
        TURNKEEPER_STAMP_ONLY: 'pi',
      },
    });
    expect(ended).toEqual({ status: 0, stdout: '', stderr: '' });
    const { spans } = await received.capture();
    expect(spans.map(({ attributes }) => attributes['gen_ai.input.messages'])).toEqual(['["said"]', undefined]);
    for (const { attributes } of spans) {
      expect(attributes['turnkeeper.session.source']).toBe('generated');
      expect(attributes['thread']).toBe(attributes['session.id']);
    }
  });

  test('goes on in a child process, in the trace and the session that its environment carries', async () => {
    await using received = await receive();
    const child = [...register, app, ' ', 'hello', '#bash'];
    const parent = join(root, 'test/apps/starts-child.ts');
    const ended = await runNode([...register, parent, 'conv-42', ...child], { env: received.env });
    expect(ended).toEqual({ status: 0, stdout: 'found\n', stderr: '' });
    const capture = await received.capture();
    expect(capture.tree()).toMatchInlineSnapshot(`
      "job [session conv-42]
        invoke_agent pi run.start
          chat test-model
        invoke_agent pi run.start -> previous turn
          chat test-model
          execute_tool lookup
          chat test-model"
    `);
    expect(capture).toStampEverySpan();
    expect(capture.index.runs.map(({ root: { attributes } }) => attributes['turnkeeper.session.source'])).toEqual([
      'baggage',
      'baggage',
    ]);
    expect(new Set(capture.spans.map(({ traceId }) => traceId)).size).toBe(1);
  });

  test('drops a conversation that TURNKEEPER_SAMPLE_RATIO leaves out, and observes no engine that is not named', async () => {
    await using received = await receive();
    const env = { ...received.env, TURNKEEPER_SAMPLE_RATIO: '0' };
    expect(await runNode([...register, app, 'conv-42', 'hello'], { env })).toMatchObject({ status: 0 });
    expect(received.requests()).toBe(0);
  });

  test('names each variable with a wrong value in one line, and goes on without it', async () => {
    await using received = await receive();
    const wrong = {
      TURNKEEPER_ENGINES: 'pi,submarine',
      TURNKEEPER_STAMP_ONLY: 'submarine',
      TURNKEEPER_FALLBACK: 'maybe',
      TURNKEEPER_CONTENT: 'some',
      TURNKEEPER_ALSO_AS: 'a,,b',
      TURNKEEPER_IDLE_TIMEOUT: 'soon',
      TURNKEEPER_LATE_LIMIT: '-1',
      TURNKEEPER_LATE_DEADLINE: '0',
      TURNKEEPER_SEND: ',',
      TURNKEEPER_ACCEPT: 'perhaps',
      TURNKEEPER_SAMPLE_RATIO: '10%',
      TURNKEEPER_SESSION_ID: 'x'.repeat(129),
    };
    const ended = await runNode([...register, app, 'conv-42', 'hello'], { env: { ...received.env, ...wrong } });
    expect(ended).toMatchObject({ status: 0, stdout: 'hello\n' });
    const lines = ended.stderr.split('\n').filter((line) => line.includes('TurnkeeperWarning'));
    for (const name of Object.keys(wrong)) expect(lines.filter((line) => line.includes(name))).toHaveLength(1);
    expect(lines).toHaveLength(Object.keys(wrong).length);
    expect(await received.capture()).toHaveSession('conv-42', { turns: 1 });
  });

  test.each([
    { present: ['api', 'instrumentation'], install: '@opentelemetry/sdk-node' },
    { present: ['api'], install: '@opentelemetry/instrumentation' },
    { present: [], install: '@opentelemetry/api @opentelemetry/instrumentation' },
  ])('with no more than $present installed says once to install $install, and lets the program run', async (given) => {
    const folder = await mkdtemp(join(tmpdir(), 'turnkeeper-test-'));
    try {
      const modules = join(folder, 'node_modules');
      const installed = join(modules, '@turnkeeper/instrumentation');
      await mkdir(join(modules, '@opentelemetry'), { recursive: true });
      await cp(join(root, 'packages/instrumentation/dist'), join(installed, 'dist'), { recursive: true });
      await cp(join(root, 'packages/instrumentation/package.json'), join(installed, 'package.json'));
      for (const name of given.present) {
        await symlink(join(root, 'node_modules/@opentelemetry', name), join(modules, '@opentelemetry', name));
      }
      await writeFile(join(folder, 'app.mjs'), "console.log('the program runs')\n");
      const ended = await runNode([...register, 'app.mjs'], { cwd: folder });
      expect(ended).toMatchObject({ status: 0, stdout: 'the program runs\n' });
      expect(ended.stderr.match(/TurnkeeperWarning/g)).toHaveLength(1);
      expect(ended.stderr).toContain(`npm install ${given.install}\n`);
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  });

  test.each(['register', 'hook'])('may also be %s that a program imports beside the package', async (door) => {
    await using received = await receive();
    const program = `import '@turnkeeper/instrumentation/${door}'; import { isSessionId } from '@turnkeeper/instrumentation';`;
    const argv = ['--input-type=module', '--eval', `${program} console.log(isSessionId('a'));`];
    expect(await runNode(argv, { env: received.env })).toEqual({ status: 0, stdout: 'true\n', stderr: '' });
  });

  test('says that Node is too old where it is, and lets the program run', async () => {
    await using received = await receive();
    const old = join(received.folder, 'old-node.mjs');
    await writeFile(old, "Object.defineProperty(process.versions, 'node', { value: '22.14.0' });\n");
    const ended = await runNode(['--import', old, ...register, '--eval', "console.log('the program runs')"], {
      env: received.env,
    });
    expect(ended).toMatchObject({ status: 0, stdout: 'the program runs\n' });
    expect(ended.stderr.match(/TurnkeeperWarning/g)).toHaveLength(1);
    expect(ended.stderr).toContain('Node 22.14.0 is too old: use Node 22.15 or later');
  });
});

describe('register beside itself', () => {
  test.each(['register', 'hook'])('required by NODE_OPTIONS, and %s imported, is there once', async (other) => {
    await using received = await receive();
    const argv = ['--import', `@turnkeeper/instrumentation/${other}`, app, ...turns];
    const env = { ...received.env, NODE_OPTIONS: '--require @turnkeeper/instrumentation/register' };
    expect(await runNode(argv, { env })).toEqual({ status: 0, stdout: 'hello\n', stderr: '' });
    const capture = await received.capture();
    expect(capture).toHaveSession('conv-42', { turns: 3 });
    expect(capture).toPassChecks();
  });
});

describe('register beside another SDK', () => {
  test('says that it came too late, and what to do', async () => {
    await using received = await receive();
    const other = join(root, 'examples/quick-start/telemetry.mts');
    const ended = await runNode(['--import', other, ...register, app, ...turns], { env: received.env });
    expect(ended).toMatchObject({ status: 0, stdout: 'hello\n' });
    expect(ended.stderr.match(/TurnkeeperWarning/g)).toHaveLength(1);
    expect(ended.stderr).toContain('another OpenTelemetry SDK was started before');
    expect(await received.capture()).toHaveSession('conv-42', { turns: 3 });
  });

  test('says nothing where it is the first', async () => {
    await using received = await receive();
    const other = join(root, 'examples/quick-start/telemetry.mts');
    const ended = await runNode([...register, '--import', other, app, ...turns], { env: received.env });
    expect(ended).toEqual({ status: 0, stdout: 'hello\n', stderr: '' });
    expect(await received.capture()).toPassChecks();
  });
});

describe('the hook beside a NodeSDK of the program’s own', () => {
  test.each([
    ['is missed by nobody who has it', ['--import', '@turnkeeper/instrumentation/hook'], false],
    ['or is missed, in the diagnostic log', [], true],
    ['is not missed under register', ['--import', '@turnkeeper/instrumentation/register'], false],
  ])('%s', async (_name, hook, isMissed) => {
    await using received = await receive();
    const own = ['--import', join(root, 'examples/quick-start/telemetry.mts')];
    const ended = await runNode([...hook, ...(hook[1]?.endsWith('register') ? [] : own), '--eval', ''], {
      env: { ...received.env, OTEL_LOG_LEVEL: 'info' },
    });
    expect(ended.status).toBe(0);
    expect(ended.stdout.includes('without --import @turnkeeper/instrumentation/hook')).toBe(isMissed);
  });

  test.each(['--import', '--require'])('by %s traces what the README’s quick start traces', async (option) => {
    await using received = await receive();
    const ended = await runNode(
      [
        option,
        '@turnkeeper/instrumentation/hook',
        '--import',
        join(root, 'examples/quick-start/telemetry.mts'),
        app,
        ...turns,
      ],
      { env: received.env },
    );
    expect(ended).toEqual({ status: 0, stdout: 'hello\n', stderr: '' });
    const capture = await received.capture();
    expect(capture).toHaveSession('conv-42', { turns: 3 });
    expect(capture).toPassChecks();
  });
});

test('the version that the spans name is the package’s', async () => {
  const { version } = JSON.parse(await readFile(join(root, 'packages/instrumentation/package.json'), 'utf8'));
  const source = await readFile(join(root, 'packages/instrumentation/src/version.ts'), 'utf8');
  expect(source).toContain(`VERSION = '${version}'`);
});
