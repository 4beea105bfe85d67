import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync, zstdCompressSync } from 'node:zlib';
import { once } from 'node:events';
import { isDeepStrictEqual } from 'node:util';
import { Worker } from 'node:worker_threads';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { check } from '../check.ts';
import { captureFiles } from '../sources/capture-files.ts';
import { lengthOf } from '../sources/messages.ts';
import { isJsonLines } from '../sources/read-traces.ts';
import type { CapturedSpan } from '../span.ts';
import { summarize } from '../summary.ts';
import { asCopy, changedSpans } from '../testing/changes.ts';
import { brokenExamples, wholeExamples } from '../testing/defects.ts';
import { temporaryFolder } from '../testing/folder.ts';
import { toOtlpLines, toOtlpRequest } from '../testing/otlp.ts';
import { chat, other, spansOf, tool, turn } from '../testing/spans.ts';
import { scanFiles, type ScanOptions } from './scan-files.ts';
import { scanPart, type PartTask } from './scan-part.ts';
import type { PartThread } from './scan-workers.ts';

const directory = temporaryFolder();
let files = 0;

function write(content: string | Uint8Array): string {
  const file = join(directory, `${(files += 1)}.jsonl`);
  writeFileSync(file, content);
  return file;
}

/** What must be the same whether everything was read in full, or first scanned for what may be wrong. */
async function read(names: readonly string[]): Promise<readonly unknown[]> {
  const everything = await captureFiles(names);
  return [summarize(everything), check(everything)];
}

async function scan(names: readonly string[], options: ScanOptions = {}): Promise<readonly unknown[]> {
  const { suspects, summary } = await scanFiles(names, options);
  return [summary, check(suspects)];
}

/** Scans parts as threads do, and sends their answers as they do, without the time that a thread takes to begin. */
function startHere(task: PartTask): PartThread {
  return { answer: scanPart(task).then((answer) => structuredClone(answer)), close: async () => {} };
}

/** Spans as a collector batches them: so many in a line, side by side where they are of one process. */
function toBatches(spans: readonly CapturedSpan[], perLine: number): string {
  const lines: string[] = [];
  for (let at = 0; at < spans.length; at += perLine) {
    const groups: { resource: unknown; scopeSpans: { spans: unknown[] }[] }[] = [];
    for (const span of spans.slice(at, at + perLine)) {
      const { resource, scopeSpans } = JSON.parse(JSON.stringify(toOtlpRequest(span))).resourceSpans[0];
      const last = groups.at(-1);
      if (last !== undefined && isDeepStrictEqual(last.resource, resource))
        last.scopeSpans[0]?.spans.push(...scopeSpans[0].spans);
      else groups.push({ resource, scopeSpans });
    }
    lines.push(`${JSON.stringify({ resourceSpans: groups })}\n`);
  }
  return lines.join('');
}

/** What a way of reading gives, or how it refuses. */
async function outcome(result: Promise<readonly unknown[]>): Promise<unknown> {
  return await result.catch(String);
}

describe('scanFiles', () => {
  it.each([...wholeExamples, ...brokenExamples])('finds what reading everything finds: $name', async ({ traces }) => {
    const file = write(toOtlpLines(spansOf(...traces, turn('noise-1'), turn('noise-2'))));
    const whole = await read([file]);
    expect(await scan([file])).toEqual(whole);
    expect(await scan([file], { workers: 2, start: startHere })).toEqual(whole);
  });

  it('reads back what is wrong and no more', async () => {
    const called = {
      'mcp.method.name': 'tools/call',
      'gen_ai.tool.name': 'add',
      'gen_ai.operation.name': 'execute_tool',
      'gen_ai.prompt.name': 'greeting',
    };
    const overMcp = other('tools/call add', { kind: 'client', attributes: called });
    const good = Array.from({ length: 50 }, (_, number) =>
      turn(`good-${number}`, {}, [chat(), tool({}, [number % 2 === 0 ? other('GET') : overMcp])]),
    );
    const bad = [turn('bad', { label: '1' }, [tool({ session: null })]), turn('bad', { links: ['1'] })];
    const { suspects, summary } = await scanFiles([write(toOtlpLines(spansOf(...good, ...bad)))]);
    expect([...suspects.index.sessions.keys()]).toEqual(['bad']);
    expect(summary).toEqual({ spans: 204, traces: 52, sessions: 51, turns: 52 });
  });

  it('reads several files, gzip, and lines of any form that a writer may choose', async () => {
    const spans = spansOf(
      turn('a', { label: '1' }),
      turn('b', {}, [tool({ session: null })]),
      turn('a', { links: ['1'] }),
    );
    const requests = spans.map(toOtlpRequest);
    const lines = [
      JSON.stringify(requests[0]),
      ` ${JSON.stringify(requests[1]).replaceAll(':', ' : ')}\r`,
      '',
      JSON.stringify(requests[2]).replaceAll('conv', 'c\\u006fnv').replace('"gen_ai', '"gen\\u005fai'),
      JSON.stringify({ resourceLogs: [] }),
    ];
    const first = write(gzipSync(`\uFEFF${lines.join('\n')}`));
    const second = write(
      requests
        .slice(3)
        .map((request) => JSON.stringify(request))
        .join('\n'),
    );
    for (const names of [
      [first, second],
      [second, first],
    ]) {
      expect(await scan(names)).toEqual(await read(names));
      expect(await scan(names, { workers: 3 })).toEqual(await read(names));
    }
  });

  it.each([
    ['gzip', (lines: readonly string[]) => gzipSync(lines.join('\n'))],
    ['zstd', (lines: readonly string[]) => zstdCompressSync(lines.join('\n'))],
    [
      "the collector's zstd",
      (lines: readonly string[]) =>
        Buffer.concat(lines.map((line) => zstdCompressSync(line)).flatMap((packed) => [lengthOf(packed), packed])),
    ],
  ])('scans what is compressed: %s', async (_, pack) => {
    const spans = spansOf(turn('a', {}, [chat(), tool({ session: null })]), turn('b'), turn('a'));
    const file = write(pack(toOtlpLines(spans).trimEnd().split('\n')));
    expect(await isJsonLines(file)).toBe(true);
    expect((await scan([file]))[1]).toMatchObject([{ at: { file, line: 3 } }, { at: { file, line: 6 } }]);
    expect(await scan([file])).toEqual(await read([file]));
  });

  it('notices what comes after a trace was closed', async () => {
    const others = Array.from({ length: 50 }, (_, number) => turn(`n-${number}`));
    const [first, second, third, ...rest] = spansOf(turn('a', {}, [chat(), tool({ session: null })]), ...others);
    const file = write(toOtlpLines([first!, second!, ...rest, third!]));
    expect(await scan([file], { patience: 10 })).toEqual(await read([file]));
    const [, findings] = await scan([file], { patience: 10 });
    expect(findings).toMatchObject([{ rule: 'every-span-stamped' }]);
  });

  it('reads lists of spans by the name that they once had', async () => {
    const lines = toOtlpLines(spansOf(turn('a', {}, [tool({ session: null })]), turn('b')));
    const [first = '', ...rest] = lines.split('\n');
    const file = write(
      [first, ...rest.map((line) => line.replace('scopeSpans', 'instrumentationLibrarySpans'))].join('\n'),
    );
    const [summary, findings] = await scan([file]);
    expect(summary).toMatchObject({ spans: 4, traces: 2 });
    expect(findings).toMatchObject([{ rule: 'every-span-stamped' }]);
    expect([summary, findings]).toEqual(await read([file]));
  });

  it('counts and follows a turn that hangs below itself', async () => {
    const spans = spansOf(turn('a', { label: '1' }), turn('a', {}, [tool()]), turn('a', { links: ['1'] }));
    const toolSpan = spans.find(({ name }) => name === 'execute_tool add');
    const ring = spans.map((span) =>
      span.spanId === toolSpan?.parentSpanId ? { ...span, parentSpanId: toolSpan?.spanId } : span,
    );
    const file = write(toOtlpLines(ring));
    const [summary, findings] = await scan([file]);
    expect(summary).toMatchObject({ turns: 3 });
    expect(findings).toMatchObject([{ rule: 'turns-linked' }, { rule: 'turns-linked' }]);
    expect([summary, findings]).toEqual(await read([file]));
  });

  it('finds an id on a metric, of a conversation in which nothing else is wrong', async () => {
    const attributes = [{ key: 'chat', value: { stringValue: 'conv-42' } }];
    const named = { name: 'tokens.conv-43.count', sum: { dataPoints: [] } };
    const metrics = [{ name: 'tokens', sum: { dataPoints: [{ attributes }] } }, named];
    const line = JSON.stringify({ resourceMetrics: [{ scopeMetrics: [{ metrics }] }] });
    const file = write(`${line}\n${toOtlpLines(spansOf(turn('conv-42'), turn('conv-43'), turn('conv-44')))}`);
    const [, findings] = await scan([file]);
    expect(findings).toHaveLength(2);
    expect(await scan([file])).toEqual(await read([file]));
    expect(await scan([file], { workers: 1, start: startHere })).toEqual(await read([file]));
  });

  it('finds an id within a value or a list of a metric, and one of a conversation that is no session', async () => {
    const values = [
      { stringValue: '/chats/conv-42' },
      { arrayValue: { values: [{ stringValue: 'conv-43' }] } },
      { stringValue: 'thread-1' },
      { stringValue: '/chats/thread-2' },
      { stringValue: 'thread-3' },
    ];
    const metrics = values.map((value, at) => ({
      name: `m${at}`,
      gauge: { dataPoints: [{ attributes: [{ key: 'chat', value }] }] },
    }));
    const line = JSON.stringify({ resourceMetrics: [{ scopeMetrics: [{ metrics }] }] });
    const named = (id: string) => ({ attributes: { 'gen_ai.conversation.id': id } });
    const spans = spansOf(
      other('GET', named('thread-1')),
      tool(named('thread-2')),
      turn('conv-42', {}, [other('GET', named('thread-3'))]),
      turn('conv-43'),
    );
    const file = write(`${line}\n${toOtlpLines(spans)}`);
    const [, findings] = await scan([file]);
    expect(findings).toHaveLength(5);
    expect(await scan([file])).toEqual(await read([file]));
    expect(await scan([file], { workers: 1, start: startHere })).toEqual(await read([file]));
  });

  it('counts what reading everything counts where copies of a span differ, in whatever order', async () => {
    const [first, ...rest] = spansOf(other('GET'), turn('conv-42'));
    const copies = [first!, ...['a', 'b'].map((id) => ({ ...first!, attributes: { 'session.id': id } }))];
    for (const spans of [copies, copies.toReversed()]) {
      const file = write(toOtlpLines([...spans, ...rest]));
      const whole = await read([file]);
      expect(whole[0]).toMatchObject({ spans: 3, sessions: 2 });
      expect(await scan([file])).toEqual(whole);
      expect(await scan([file], { workers: 1, start: startHere })).toEqual(whole);
    }
  });

  it('takes more log events than a call takes arguments, in one line and in many', async () => {
    const lineOf = (amount: number): string =>
      JSON.stringify({ resourceLogs: [{ scopeLogs: [{ logRecords: Array.from({ length: amount }, () => ({})) }] }] });
    const lines = Array.from({ length: 150 }, () => lineOf(1_000));
    const file = write([lineOf(150_000), ...lines, toOtlpLines(spansOf(turn('a')))].join('\n'));
    for (const workers of [0, 1]) {
      const { suspects } = await scanFiles([file], { workers, start: startHere });
      expect(suspects.index.logs).toHaveLength(300_000);
    }
  });

  it('refuses a line that is not JSON as reading everything does, the first one and others', async () => {
    const good = toOtlpLines(spansOf(turn('a')));
    for (const text of [`\n{"resourceSpans\n${good}`, `${good}\n{"resourceSpans\n${good}`, good.slice(0, -9)]) {
      const file = write(text);
      const refusal = await outcome(read([file]));
      expect(refusal).toContain('this line is not JSON');
      expect(await outcome(scan([file]))).toBe(refusal);
      expect(await outcome(scan([file], { workers: 2, start: startHere }))).toBe(refusal);
    }
  });

  it('refuses an attribute that goes too deep as reading everything does', async () => {
    const deep = '{"arrayValue":{"values":['.repeat(20_000) + ']}}'.repeat(20_000);
    const line = toOtlpLines(spansOf(turn('a'))).replace('{"stringValue":"a"}', deep);
    const file = write(`${toOtlpLines(spansOf(turn('b')))}${line}`);
    const refusal = await outcome(scan([file]));
    expect(refusal).toContain(`${file}:3: an attribute has more than 100 lists`);
    expect(refusal).toBe(await outcome(read([file])));
  });

  it.each(['', '\n \n', '{"resourceMetrics":[]}\n', '{"a":1}\n', '{"resourceSpans":[', 'hello'])(
    'refuses %j as reading everything does',
    async (content) => {
      const file = write(content);
      const whole = await outcome(read([file]));
      expect(whole).toContain('InputError');
      expect(await outcome(scan([file]))).toBe(whole);
      expect(await outcome(scan([file], { workers: 2, start: startHere }))).toBe(whole);
    },
  );
});

describe('threads', () => {
  const lines = toOtlpLines(
    spansOf(
      ...Array.from({ length: 60 }, (_, number) =>
        turn(`s-${number % 20}`, {}, [tool(number === 41 ? { session: null } : {})]),
      ),
    ),
  );

  it('find the same, in the same order, as one', async () => {
    const file = write(lines);
    const whole = await scan([file]);
    expect(whole).toEqual(await read([file]));
    expect(await scan([file], { workers: 2 })).toEqual(whole);
  });

  it('say which line of the file cannot be read', async () => {
    const broken = lines.split('\n');
    broken[70] = '{"resourceSpans":[{"resource"';
    broken[100] = 'hello';
    const file = write(broken.join('\n'));
    const refusal = await outcome(scan([file], { workers: 2 }));
    expect(refusal).toContain(`${file}:71: this line is not JSON`);
    expect(refusal).toBe(await outcome(read([file])));
  });

  it('do not let the scan wait when one of them ends', async () => {
    const start = (): PartThread => {
      const worker = new Worker('process.exit(3)', { eval: true });
      const answer = once(worker, 'exit').then(([code]) => {
        throw new Error(`ended with ${code}`);
      });
      return { answer, close: () => worker.terminate() };
    };
    await expect(scanFiles([write(lines)], { workers: 1, start })).rejects.toThrow('ended with 3');
  });
});

describe('any file', { timeout: 120_000 }, () => {
  const examples = [...wholeExamples, ...brokenExamples];
  const all = spansOf(...examples.flatMap(({ traces }) => traces));

  it('gives the same findings on both ways, whichever spans are in it and in whatever order', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.shuffledSubarray([...all], { minLength: 1 }),
        fc.nat(100),
        fc.integer({ min: 1, max: 4 }),
        fc.integer({ min: 1, max: 30 }),
        async (spans, patience, workers, perLine) => {
          const file = write(toBatches(spans, perLine));
          const whole = await read([file]);
          expect(await scan([file], { patience })).toEqual(whole);
          expect(await scan([file], { patience, workers, start: startHere })).toEqual(whole);
        },
      ),
      { numRuns: 60 },
    );
  });

  it.each([
    ['conversations in which nothing is wrong', spansOf(...wholeExamples.flatMap(({ traces }) => traces))],
    ['those in which something is', all],
  ])('gives the same findings on both ways, whatever is changed about spans of %s', async (_, spans) => {
    await fc.assert(
      fc.asyncProperty(changedSpans(spans, 8, [asCopy]), fc.integer({ min: 1, max: 4 }), async (changed, perLine) => {
        const file = write(toBatches(changed, perLine));
        expect(await scan([file])).toEqual(await read([file]));
      }),
      { numRuns: 200 },
    );
  });

  it('is read the same on both ways, or refused by both, whatever byte of it is changed', async () => {
    const [first, second] = [turn('a', { label: '1' }, [chat(), tool()]), turn('a', { label: '2', links: ['1'] })];
    const spans = spansOf(first, second, turn('a', { links: ['2'] }, [chat(), tool()]));
    const lines = `${toOtlpLines(spans.slice(0, 4))}${toBatches(spans.slice(4), 4)}`;
    const change = fc.tuple(
      fc.nat(lines.length - 1),
      fc.constantFrom(...Array.from('"\\{}[]:,0123456789abcdef \u0001é')),
      fc.boolean(),
    );
    await fc.assert(
      fc.asyncProperty(fc.array(change, { minLength: 1, maxLength: 3 }), async (changes) => {
        let text = lines;
        for (const [at, character, isInserted] of changes)
          text = text.slice(0, at) + character + text.slice(isInserted ? at : at + 1);
        const file = write(text);
        // The command scans nothing else.
        if (!(await isJsonLines(file))) return;
        const whole = await outcome(read([file]));
        expect(await outcome(scan([file]))).toEqual(whole);
        expect(await outcome(scan([file], { workers: 2, start: startHere }))).toEqual(whole);
      }),
      { numRuns: 400 },
    );
  });
});
