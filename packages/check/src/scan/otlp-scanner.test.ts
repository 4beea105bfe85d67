import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { brokenExamples, wholeExamples } from '../testing/defects.ts';
import { toOtlpRequest } from '../testing/otlp.ts';
import { spansOf } from '../testing/spans.ts';
import { OtlpScanner } from './otlp-scanner.ts';
import { ScanMemory } from './scan-memory.ts';
import { flag, number, SpanRows, word } from './span-rows.ts';

/** A scanner with a memory and rows of its own. */
class Reader {
  readonly memory: ScanMemory;
  readonly #rows = new SpanRows();
  readonly #scanner = new OtlpScanner(this.#rows);

  constructor(memory: ScanMemory) {
    this.memory = memory;
  }

  /** What is found out about each span of a line; undefined: the line is left to the parser. */
  read(line: string): readonly unknown[] | undefined {
    if (!this.#scanner.scan(this.memory, 0, this.memory.bytes.write(line))) return undefined;
    const facts = this.#scanner.taken.map((row) => this.#factsOf(row));
    for (const row of this.#scanner.taken) this.#rows.give(row);
    return facts;
  }

  #factsOf(row: number): unknown {
    const { words, numbers } = this.#rows;
    const flags = words[row + word.flags] ?? 0;
    const pair = (at: number, isThere: number): unknown => isThere !== 0 && [words[row + at], words[row + at + 1]];
    return {
      flags,
      trace: pair(word.trace, 1),
      span: pair(word.span, 1),
      parent: pair(word.parent, flags & flag.hasParent),
      session: pair(word.session, flags & flag.isStamped),
      engineSession: pair(word.engineSession, flags & flag.hasEngineSession),
      link: pair(word.linkTrace, flags & flag.hasLink),
      linkSpan: pair(word.linkSpan, flags & flag.hasLink),
      response: (flags & flag.hasResponse) !== 0 && words[row + word.response],
      start: numbers[row / 2 + number.start],
      end: numbers[row / 2 + number.end],
      input: (flags & flag.hasInput) !== 0 && numbers[row / 2 + number.input],
      output: (flags & flag.hasOutput) !== 0 && numbers[row / 2 + number.output],
    };
  }
}

const resource = { attributes: [{ key: 'service.name', value: { stringValue: 'shop' } }] };

function lineOf(...spans: readonly object[]): string {
  return JSON.stringify({ resourceSpans: [{ resource, scopeSpans: [{ scope: {}, spans }] }] });
}

/** A span with a value of every kind. */
function spanWith(text: string, amount: number, more: readonly object[] = []): object {
  return {
    traceId: '0123456789abcdef0123456789abcdef',
    spanId: '0123456789abcdef',
    parentSpanId: '',
    flags: 257,
    name: 'query',
    kind: 1,
    startTimeUnixNano: '1700000000000000000',
    endTimeUnixNano: '1700000000000000001',
    attributes: [
      { key: 'session.id', value: { stringValue: 'conversation-1' } },
      { key: 'db.statement', value: { stringValue: text } },
      { key: 'gen_ai.usage.input_tokens', value: { intValue: Math.abs(Math.trunc(amount)) } },
      { key: 'gen_ai.usage.output_tokens', value: { intValue: String(Math.abs(Math.trunc(amount))) } },
      { key: 'seconds', value: { doubleValue: amount } },
      { key: 'is.whole', value: { boolValue: true } },
      { key: 'parts', value: { arrayValue: { values: [{ stringValue: text }, { intValue: '7' }] } } },
      { key: 'more', value: { kvlistValue: { values: [{ key: text, value: { stringValue: text } }] } } },
      ...more,
    ],
    events: [{ timeUnixNano: '1700000000000000000', name: 'exception', attributes: [] }],
    status: { code: 2, message: text },
  };
}

const line = lineOf(spanWith('SELECT 1', 12.5), spanWith('SELECT 2', 13.75));

describe('OtlpScanner', () => {
  it('knows a span that differs from one before in texts and numbers alone', () => {
    const reader = new Reader(new ScanMemory());
    reader.read(lineOf(spanWith('SELECT 1', 12.5)));
    const isKnown = (span: object): boolean => {
      const end = reader.memory.bytes.write(JSON.stringify(span));
      return reader.memory.findShape(0, end) !== undefined && reader.memory.findShape(0, end - 1) === undefined;
    };
    expect(isKnown(spanWith('SELECT "two"\n\\ \u0001\u001f', 0.125))).toBe(true);
    expect(isKnown({ ...spanWith('SELECT 1', 12.5), kind: 2 })).toBe(false);
    expect(isKnown(spanWith('SELECT 1', 12.5, [{ key: 'a', value: { boolValue: false } }]))).toBe(false);
  });

  it('knows of a span of a known shape what stands in it, whatever was read in between', () => {
    const [reader, plain] = [new Reader(new ScanMemory()), new Reader(new ScanMemory(1 << 18, true))];
    const operation = (name: string): string =>
      lineOf(spanWith('SELECT 1', 1, [{ key: 'gen_ai.operation.name', value: { stringValue: name } }]));
    const all = ['chat', '', 'chat', 'execute_tool', 'chat', ''].map(operation);
    expect(all.map((one) => reader.read(one))).toEqual(all.map((one) => plain.read(one)));
    expect(all.slice(0, 2).map((one) => reader.read(one))).not.toEqual([reader.read(line), reader.read(line)]);
  });

  it('goes on where there are more shapes than it can remember', () => {
    const [reader, plain] = [new Reader(new ScanMemory()), new Reader(new ScanMemory(1 << 18, true))];
    const boolean = (key: string): object => ({ key, value: { boolValue: true } });
    for (let turn = 0; turn < 5_000; turn += 1) {
      const more = [boolean(`first.${turn % 31}`), boolean(`${'long.'.repeat(400)}${turn}`)];
      const odd = lineOf(spanWith('SELECT 1', turn, more));
      expect(reader.read(odd)).toEqual(plain.read(odd));
    }
  });

  it('knows what it knew when the memory gets more room', () => {
    const reader = new Reader(new ScanMemory(1 << 12));
    expect(reader.read(line)).toHaveLength(2);
    reader.memory.widen();
    const end = reader.memory.bytes.write(JSON.stringify(spanWith('another', 3.5)), 5_000);
    expect(reader.memory.findShape(5_000, 5_000 + end)).toBeDefined();
  });

  it.each([
    ['12.5', '012.5'],
    ['12.5', '12.05'],
    ['12.5', '-12.5e+07'],
    ['12.5', '12.'],
    ['12.5', '-'],
    ['"intValue":12', '"intValue":012'],
    ['"intValue":12', '"intValue":1234567890123456'],
    ['"intValue":"12"', '"intValue":"1 2"'],
    ['conversation-1', 'conversation\\n1'],
    ['conversation-1', ''],
    ['conversation-1', '0123456789abcdef0123456789abcdef'],
    ['"query"', '"qu\\"ery"'],
    ['"query"', '"conversation-1"'],
    ['SELECT', '\\u0053\\uABcdELECT'],
    ['SELECT', '\\u005GELECT'],
    ['SELECT 1', '\\u005'],
    ['SELECT', '\u0001'],
    ['SELECT', '\\SELECT'],
    ['SELECT', '\\’'],
    ['SELECT', 'a long text\\\\ with \\"escapes\\" \\b\\f\\n\\r\\t\\/ in it'],
    ['"parentSpanId":""', '"parentSpanId":"0123456789ABCDEF"'],
    ['"parentSpanId":""', '"parentSpanId":"0123456789abcde"'],
    ['"0123456789abcdef"', '"0000000000000000"'],
    ['"0123456789abcdef0123456789abcdef"', '"ASNFZ4mrze8BI0VniavN7w=="'],
    ['1700000000000000001', '99999999999999999999'],
    ['"exception"', '"run.start"'],
    ['"key":"is.whole"', '"key":"gen_ai.prompt"'],
    ['true', 'tru'],
  ])('reads a span with %s made %s as it does without a known shape', (from, to) => {
    const [reader, plain] = [new Reader(new ScanMemory()), new Reader(new ScanMemory(1 << 18, true))];
    reader.read(line);
    const changed = line.replace(from, to);
    expect(changed).not.toBe(line);
    expect(reader.read(changed)).toEqual(plain.read(changed));
  });

  it('reads spans of a known shape as it reads them member by member, whatever is changed in them', () => {
    const examples = [...wholeExamples, ...brokenExamples].flatMap(({ traces }) => spansOf(...traces));
    const compact = examples.map((span) => JSON.stringify(toOtlpRequest(span)));
    const groups = [line, ...compact, ...compact.map((text) => text.replaceAll('",', '" ,').replaceAll('":', '" : '))];
    const plain = new Reader(new ScanMemory(1 << 16, true));
    const characters = Array.from('"\\{}[]:,0123456789abcdefABCDEF -+.Etnu/\u0001\té');
    const change = fc.tuple(fc.nat(), fc.constantFrom(...characters), fc.nat(2));
    fc.assert(
      fc.property(
        fc.array(fc.constantFrom(...groups), { minLength: 1, maxLength: 3 }),
        fc.array(fc.tuple(fc.nat(), fc.array(change, { maxLength: 3 })), { minLength: 1, maxLength: 20 }),
        (originals, variants) => {
          const reader = new Reader(new ScanMemory(1 << 16));
          for (const original of originals) expect(reader.read(original)).toEqual(plain.read(original));
          for (const [chosen, changes] of variants) {
            let text = originals[chosen % originals.length] ?? '';
            for (const [place, character, removed] of changes) {
              const at = place % text.length;
              text = text.slice(0, at) + character + text.slice(at + removed);
            }
            expect(reader.read(text)).toEqual(plain.read(text));
          }
        },
      ),
      { numRuns: 1_000 },
    );
  });
});
