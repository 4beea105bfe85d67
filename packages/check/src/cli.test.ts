import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { gzipSync, zstdCompressSync } from 'node:zlib';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { writeSpans as writeLargeFile } from '../bench/write-spans.ts';
import { check } from './check.ts';
import { main } from './cli.ts';
import { reportJson } from './report/json.ts';
import { captureFiles } from './sources/capture-files.ts';
import type { CapturedSpan } from './span.ts';
import { summarize } from './summary.ts';
import { temporaryFolder } from './testing/folder.ts';
import { toOtlpLines } from './testing/otlp.ts';
import { captureOf, chat, spansOf, tool, turn } from './testing/spans.ts';

const bin = fileURLToPath(new URL('../bin/turnkeeper.js', import.meta.url));
const directory = temporaryFolder();
let files = 0;

interface Outcome {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

function turnkeeper(...argv: readonly string[]): Outcome {
  const env = { PATH: process.env['PATH'] };
  const { status, stdout, stderr } = spawnSync(process.execPath, [bin, ...argv], {
    encoding: 'utf8',
    env,
    cwd: directory,
  });
  return { status, stdout, stderr };
}

function write(text: string | Uint8Array): string {
  const file = `traces-${(files += 1)}.jsonl`;
  writeFileSync(join(directory, file), text);
  return file;
}

function writeSpans(spans: readonly CapturedSpan[]): string {
  return write(toOtlpLines(spans));
}

function linkToItself(): string {
  symlinkSync('ring', join(directory, 'ring'));
  return 'ring';
}

const good = [turn('conv-42', { label: '1' }, [chat(), tool()]), turn('b'), turn('conv-42', { links: ['1'] })];

describe('turnkeeper check', () => {
  it('exits with 0 and says what was checked when all is well', () => {
    expect(turnkeeper('check', writeSpans(spansOf(...good)))).toEqual({
      status: 0,
      stdout: '✓ 2 conversations, 3 turns, 7 spans in 3 traces checked: nothing wrong\n',
      stderr: '',
    });
  });

  it('exits with 1 and names the span when one has lost its session id', () => {
    const spans = spansOf(...good).map((span, position) =>
      position === 2 ? { ...span, attributes: { ...span.attributes, 'session.id': undefined } } : span,
    );
    const { status, stdout, stderr } = turnkeeper('check', writeSpans(spans.map(withoutUndefined)));
    expect([status, stderr]).toEqual([1, '']);
    expect(stdout).toMatchInlineSnapshot(`
      "✗ error  every-span-stamped
        Span "execute_tool add" of the run "invoke_agent pi" carries no session.id.
          at  traces-2.jsonl:3  trace a0000000000000000000000000000001  span b000000000000003
        why A search for the conversation does not find this span: a slow query or a failed request of this turn stays unseen.
        fix Register SessionSpanProcessor in the SDK that made the span, around the exporting processor or before it.

      ✗ 2 conversations, 3 turns, 7 spans in 3 traces checked: 1 error, 0 warnings
      "
    `);
  });

  it('exits with 0 on warnings alone, and with 1 when there are more than allowed', () => {
    const file = writeSpans(spansOf(turn('a'), turn('a')));
    expect(turnkeeper('check', file).status).toBe(0);
    expect(turnkeeper('check', file, '--max-warnings', '1').status).toBe(0);
    const { status, stdout, stderr } = turnkeeper('check', file, '--max-warnings', '0', '--format', 'junit');
    expect([status, stderr]).toEqual([
      1,
      'turnkeeper: 1 warning, more than the 0 that --max-warnings, or maxWarnings in the configuration, allows.\n',
    ]);
    expect(stdout).toContain('<failure type="turns-linked"');
    expect(turnkeeper('check', file, '--rule', 'turns-linked=error').status).toBe(1);
    expect(turnkeeper('check', file, '--rule', 'turns-linked=off', '--max-warnings', '0').status).toBe(0);
  });

  it('prints JSON of the documented shape', () => {
    const file = writeSpans(spansOf(turn('conv-42', {}, [chat({ session: null })])));
    const { status, stdout } = turnkeeper('check', file, '--format', 'json', '--rule', 'conversation-matches=off');
    const [, span] = captureOf(turn('conv-42')).spans;
    expect(status).toBe(1);
    expect(JSON.parse(stdout)).toEqual({
      spans: 2,
      traces: 1,
      sessions: 1,
      turns: 1,
      findings: [
        {
          rule: 'every-span-stamped',
          severity: 'error',
          what: 'Span "chat m1" of the run "invoke_agent pi" carries no session.id.',
          why: expect.any(String),
          fix: expect.any(String),
          at: { traceId: span?.traceId, spanId: span?.spanId, file, line: 2 },
        },
      ],
    });
  });

  it('joins a conversation out of several files, whatever their order', () => {
    const spans = spansOf(...good);
    const [late, early] = [writeSpans(spans.slice(2)), writeSpans(spans.slice(0, 2))];
    expect(turnkeeper('check', late).status).toBe(1);
    expect(turnkeeper('check', late, early).stdout).toContain('2 conversations, 3 turns, 7 spans in 3 traces');
    expect(turnkeeper('check', late, early).status).toBe(0);
  });

  it('takes levels and limits from a configuration, which the command line beats', () => {
    const file = writeSpans(spansOf(turn('a'), turn('a')));
    const config = write(JSON.stringify({ rules: { 'turns-linked': 'error' }, maxWarnings: 0 }));
    expect(turnkeeper('check', file, '--config', config).status).toBe(1);
    expect(turnkeeper('check', file, '--config', config, '--rule', 'turns-linked=warn').status).toBe(1);
    const beaten = ['--rule', 'turns-linked=warn', '--max-warnings', '1'];
    expect(turnkeeper('check', file, '--config', config, ...beaten).status).toBe(0);
  });

  it('takes a configuration that begins with a byte order mark', () => {
    const file = writeSpans(spansOf(turn('a'), turn('a')));
    expect(turnkeeper('check', file, '--config', write('\uFEFF{"maxWarnings":0}')).status).toBe(1);
  });

  it('does not pass over a configuration that is there and cannot be read', () => {
    const cwd = join(directory, 'configured');
    mkdirSync(join(cwd, 'turnkeeper.config.json'), { recursive: true });
    const file = join(directory, writeSpans(spansOf(turn('a'))));
    const { status, stderr } = spawnSync(process.execPath, [bin, 'check', file], { encoding: 'utf8', cwd });
    expect([status, stderr]).toEqual([
      2,
      'turnkeeper: the configuration "turnkeeper.config.json" cannot be read (EISDIR). See turnkeeper --help.\n',
    ]);
  });

  it('counts recorded content as a warning, and with --no-content as an error', () => {
    const file = writeSpans(spansOf(turn('a', {}, [chat({ attributes: { 'gen_ai.input.messages': '[]' } })])));
    expect(turnkeeper('check', file).status).toBe(0);
    expect(turnkeeper('check', file, '--no-content').status).toBe(1);
  });

  it('prints JUnit and annotations', () => {
    const file = writeSpans(spansOf(turn('a', {}, [chat({ session: null })])));
    expect(turnkeeper('check', file, '--format', 'junit').stdout).toContain('<failure type="every-span-stamped"');
    expect(turnkeeper('check', file, '--format', 'github').stdout).toContain(
      `::error file=${file},line=2,title=every-span-stamped::`,
    );
    const evil = writeSpans(spansOf(turn('a', {}, [{ ...chat({ session: null }), name: '##[add-mask]a' }])));
    const { stdout } = turnkeeper('check', evil, '--format', 'github');
    expect(stdout.split('\n').filter((line) => line.includes('##[') && !line.startsWith('::'))).toEqual([]);
  });

  it('says of a large input what reading all of it says, however it comes, and holds little of it', async () => {
    const [file, temporary] = [join(directory, 'large.jsonl'), join(directory, 'temporary')];
    mkdirSync(temporary);
    await writeLargeFile(file, 60_000);
    const input = readFileSync(file);
    const [gzip, zstd] = [gzipSync(input), zstdCompressSync(input)];
    writeFileSync(`${file}.gz`, gzip);
    writeFileSync(`${file}.zst`, zstd);
    const everything = await captureFiles([file]);
    const findings = check(everything, { levels: { 'turns-linked': 'error' } });
    const said = reportJson(summarize(everything), findings);
    expect(JSON.parse(said)).toMatchObject({ spans: 60_000, turns: 6_000 });
    for (const [argv, name, piped] of [
      [[file], file],
      [[file, '--workers', '2'], file],
      [[`${file}.gz`], `${file}.gz`],
      [[`${file}.zst`], `${file}.zst`],
      [['-'], 'standard input', input],
      [['-', '--workers', '2'], 'standard input', input],
      [['-'], 'standard input', gzip],
      [['-'], 'standard input', zstd],
    ] as const) {
      // All of these spans need twice as much.
      const node = ['--max-old-space-size=48', bin, 'check', '--format', 'json', '--rule', 'turns-linked=error'];
      const env = { PATH: process.env['PATH'], TMPDIR: temporary };
      const options = { input: piped ?? '', env, encoding: 'utf8', maxBuffer: 1 << 30 } as const;
      const { status, stdout, stderr } = spawnSync(process.execPath, [...node, ...argv], options);
      expect([status, stderr]).toEqual([1, '']);
      expect(stdout).toBe(said.replaceAll(JSON.stringify(file), JSON.stringify(name)));
    }
    expect(readdirSync(temporary)).toEqual([]);
  }, 120_000);

  it('says where there is no room for a large standard input, and takes a small one', () => {
    const env = { PATH: process.env['PATH'], TMPDIR: join(directory, 'nowhere') };
    const run = (input: string | Buffer): Outcome =>
      spawnSync(process.execPath, [bin, 'check', '-'], { input, env, encoding: 'utf8' });
    const line = toOtlpLines(spansOf(...good));
    expect(run(line).status).toBe(0);
    expect(run(gzipSync(line)).status).toBe(0);
    expect(run(line + ' '.repeat(16_000_000))).toEqual(
      expect.objectContaining({
        status: 2,
        stdout: '',
        stderr: expect.stringMatching(/^turnkeeper: standard input: there is too much of it .* \(ENOENT\)\. .*\n$/u),
      }),
    );
  });

  it.each(['', ' /dev/stdin'])('reads a pipe that is given by its path, once: /dev/stdin%s', (again) => {
    const file = writeSpans(spansOf(...good));
    const command = `gzip -c ${file} | "${process.execPath}" "${bin}" check /dev/stdin${again}`;
    const { status, stdout } = spawnSync('sh', ['-c', command], { encoding: 'utf8', cwd: directory });
    expect([status, stdout]).toEqual([0, expect.stringContaining('7 spans in 3 traces checked: nothing wrong')]);
  });

  it.each([
    [
      'a file in UTF-16',
      () => write(Buffer.from('\ufeff{"resourceSpans":[]}\r\n', 'utf16le')),
      /^turnkeeper: traces-\d+\.jsonl: the file is in UTF-16, .* UTF-8/u,
    ],
    ['an empty file', () => write(''), /^turnkeeper: traces-\d+\.jsonl: the file is empty\./u],
    [
      'a broken line',
      () => write('{}\n{"resourceSpans"'),
      /^turnkeeper: traces-\d+\.jsonl:2: this line is not JSON\./u,
    ],
    ['a foreign file', () => write('{"a":1}\n'), /^turnkeeper: traces-\d+\.jsonl:1: this is JSON, but not OTLP/u],
    ['no span', () => write('{"resourceMetrics":[]}\n'), /^turnkeeper: traces-\d+\.jsonl: there is not a single span/u],
    [
      'a name that begins a line',
      () => '\n::stop-commands::a',
      /^turnkeeper: \\u000a::stop-commands::a: there is no such file\./u,
    ],
    ['a ring of links', () => linkToItself(), /^turnkeeper: ring: this file cannot be read \(ELOOP\)\./u],
    ['a name that is too long', () => 'x'.repeat(300), /^turnkeeper: x+: this file cannot be read \(ENAMETOOLONG\)\./u],
    ['a file that is not there', () => 'nowhere.jsonl', /^turnkeeper: nowhere\.jsonl: there is no such file\./u],
  ])('exits with 2 and one line for %s', (_, file, line) => {
    const { status, stdout, stderr } = turnkeeper('check', file());
    expect([status, stdout]).toEqual([2, '']);
    expect(stderr).toMatch(line);
    expect(stderr.trimEnd().split('\n')).toHaveLength(1);
  });

  it('exits with 2 and one line for a command line that is wrong', () => {
    const stderr = 'turnkeeper: there is no option "--colour". A file whose name begins with a dash goes behind --.';
    const said = { status: 2, stdout: '', stderr: `${stderr} See turnkeeper --help.\n` };
    expect(turnkeeper('check', writeSpans(spansOf(...good)), '--colour')).toEqual(said);
  });

  it('refuses the name of a rule that does not exist', () => {
    const { status, stderr } = turnkeeper('check', writeSpans(spansOf(...good)), '--rule', 'turns-linkd=off');
    expect(status).toBe(2);
    expect(stderr).toContain('There is no rule "turns-linkd"');
  });
});

describe('turnkeeper report', () => {
  it('writes its page where nobody says where, and says so, also where something is wrong', () => {
    const file = writeSpans(spansOf(turn('a', {}, [chat({ session: null })])));
    expect(turnkeeper('report', file)).toEqual({ status: 0, stdout: 'conversations.html\n', stderr: '' });
    expect(readFileSync(join(directory, 'conversations.html'), 'utf8')).toContain(`Conversations: ${file}</title>`);
  });

  it('refuses a configuration with the name of a rule that does not exist, before it reads anything', () => {
    const config = write('{"rules":{"turns-linkd":"off"}}');
    const { status, stdout, stderr } = turnkeeper('report', 'nowhere.jsonl', '--config', config);
    expect([status, stdout]).toEqual([2, '']);
    expect(stderr).toMatch(/^turnkeeper: There is no rule "turns-linkd", .*See turnkeeper --help\.\n$/u);
  });

  it('takes levels from a configuration', () => {
    const file = writeSpans(spansOf(turn('a'), turn('a')));
    const off = write('{"rules":{"turns-linked":"off"}}');
    const page = (...argv: readonly string[]): string => turnkeeper('report', file, '--out', '-', ...argv).stdout;
    expect(page()).toContain('"turns-linked"');
    expect(page('--config', off)).toMatch(/^<!doctype html>(?:(?!"turns-linked").)*<\/html>\n$/su);
  });

  it('says where its page cannot be written', () => {
    const file = writeSpans(spansOf(...good));
    const sentence = 'the report cannot be written to "nowhere/page.html" (ENOENT). See turnkeeper --help.';
    const said = { status: 2, stdout: '', stderr: `turnkeeper: ${sentence}\n` };
    expect(turnkeeper('report', file, '--out', 'nowhere/page.html')).toEqual(said);
  });

  it('does not write over a file that it reads, by whatever name', () => {
    const file = writeSpans(spansOf(...good));
    const before = readFileSync(join(directory, file), 'utf8');
    symlinkSync(file, join(directory, 'again.html'));
    for (const out of [file, `./${file}`, 'again.html']) {
      const { status, stdout, stderr } = turnkeeper('report', file, '--out', out);
      expect([status, stdout]).toEqual([2, '']);
      expect(stderr).toContain(`the report would overwrite "${file}", which it reads: give --out another name.`);
    }
    expect(readFileSync(join(directory, file), 'utf8')).toBe(before);
  });
});

describe('in this process', () => {
  afterEach(() => {
    vi.restoreAllMocks();
    vi.unstubAllEnvs();
  });

  it('a report says that there is more than one page can hold', async () => {
    const stringify = JSON.stringify;
    vi.spyOn(JSON, 'stringify').mockImplementation((value, replacer, space) => {
      if (Object.hasOwn(Object(value), 'conversations')) throw new RangeError('Invalid string length');
      return stringify(value, replacer, space);
    });
    const file = join(directory, writeSpans(spansOf(...good)));
    let said = '';
    const stream = { isTTY: false, write: (text: string | Uint8Array) => Boolean((said += String(text))) };
    expect(await main(['report', file, '--out', '-'], { stdout: stream, stderr: stream })).toBe(2);
    expect(said).toMatch(/^turnkeeper: .*: there are 7 spans in here, which is more than one page can hold\. .*\n$/u);
  });

  it.each([
    ['a terminal', true, '', true],
    ['no terminal', false, '', false],
    ['a terminal whose reader wants none', true, '1', false],
  ])('a check is coloured for %s: %s', async (_, isTTY, noColor, isColoured) => {
    vi.stubEnv('NO_COLOR', noColor);
    const file = join(directory, writeSpans(spansOf(...good)));
    let said = '';
    const stdout = { isTTY, write: (text: string | Uint8Array) => Boolean((said += String(text))) };
    expect(await main(['check', file], { stdout, stderr: stdout })).toBe(0);
    expect(said.includes('\u001b')).toBe(isColoured);
  });

  it.each(['check', 'report'])('progress is gone before %s says what is wrong', async (command) => {
    let now = 0;
    vi.spyOn(performance, 'now').mockImplementation(() => (now += 1_000));
    let shown = '';
    const stream = { isTTY: true, write: (text: string | Uint8Array) => Boolean((shown += String(text))) };
    const file = join(directory, write(`${toOtlpLines(spansOf(...good))}{`));
    expect(await main([command, file], { stdout: stream, stderr: stream })).toBe(2);
    expect(shown).toContain(`7 spans read\r\u001b[Kturnkeeper: ${file}:8: this line is not JSON`);
  });
});

describe('turnkeeper', () => {
  it('does not mind a reader that has seen enough', () => {
    const file = writeSpans(spansOf(...Array.from({ length: 2_000 }, () => turn('a', {}, [chat({ session: null })]))));
    const command = `"${process.execPath}" "${bin}" check ${file} --format json | head -1`;
    const { stdout, stderr } = spawnSync('sh', ['-c', command], { encoding: 'utf8', cwd: directory });
    expect([stdout, stderr]).toEqual(['{\n', '']);
  });

  it.skipIf(!existsSync('/dev/full'))('exits with 2 where what it has to say cannot be written', () => {
    const file = writeSpans(spansOf(...good));
    const command = `"${process.execPath}" "${bin}" check ${file} --format junit >/dev/full`;
    const { status, stderr } = spawnSync('sh', ['-c', command], { encoding: 'utf8', cwd: directory });
    expect([status, stderr]).toEqual([2, 'turnkeeper: standard output cannot be written (ENOSPC).\n']);
  });

  it.skipIf(!existsSync('/dev/full'))('keeps its status where what is wrong cannot be written', () => {
    const command = `"${process.execPath}" "${bin}" check missing.jsonl 2>/dev/full`;
    expect(spawnSync('sh', ['-c', command], { cwd: directory }).status).toBe(2);
  });

  it('explains itself, and tells its version', () => {
    expect(turnkeeper('--help')).toMatchObject({
      status: 0,
      stderr: '',
      stdout: expect.stringContaining('turnkeeper check'),
    });
    for (const argv of [['check', '--help'], ['report', '-h'], ['-h'], ['help']])
      expect(turnkeeper(...argv)).toEqual(turnkeeper('--help'));
    expect(turnkeeper('--version').stdout).toMatch(/^\d+\.\d+\.\d+\n$/u);
  });
});

function withoutUndefined(span: CapturedSpan): CapturedSpan {
  const attributes = Object.fromEntries(Object.entries(span.attributes).filter(([, value]) => value !== undefined));
  return { ...span, attributes };
}
