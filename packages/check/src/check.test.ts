import { describe, expect, it } from 'vitest';
import { check } from './check.ts';
import { CheckUsageError } from './check-usage-error.ts';
import { rules } from './rules/index.ts';
import { captureOf, chat, other, spansOf, tool, turn } from './testing/spans.ts';
import { captureRecords } from './capture.ts';

describe('check', () => {
  it('finds nothing in good conversations: tools, batches, children, services, failures, tasks', () => {
    const failed = chat({ status: 'error', attributes: { 'error.type': 'timeout' } });
    const child = turn('sub', { attributes: { 'turnkeeper.session.parent_id': 'conv-42' } }, [
      chat({ attributes: { 'turnkeeper.session.parent_id': 'conv-42' } }),
    ]);
    const capture = captureOf(
      other('POST /chat', { kind: 'server', parent: 'remote' }, [
        turn('conv-42', { label: '1' }, [chat({}, [other('POST')]), tool({}, [child]), failed]),
      ]),
      other('compact', { engine: 'pi', session: 'conv-42' }, [chat()]),
      turn('conv-42', { links: ['1'] }),
      other('batch', {}, [turn('a'), turn('b'), turn('a')]),
    );
    expect(check(capture)).toEqual([]);
  });

  it('takes any number of runs inside of one another, also where each begins before the one around it', () => {
    const [root] = spansOf(turn('a', {}, []));
    const id = (number: number): string => (number + 1).toString(16).padStart(16, '0');
    const spans = Array.from({ length: 20_000 }, (_, number) => ({
      ...root!,
      spanId: id(number),
      parentSpanId: number === 0 ? undefined : id(number - 1),
      start: root!.start - BigInt(number),
    }));
    const { index } = captureRecords({ spans });
    expect(index.runs).toHaveLength(20_000);
    expect(index.runs.filter(({ parent }) => parent === undefined)).toMatchObject([{ root: { spanId: id(0) } }]);
  });

  it('says what, why, how to mend it, and where', () => {
    const spans = spansOf(turn('conv-42', {}, [chat({ session: null })]));
    const capture = captureRecords({ spans: spans.map((span) => ({ ...span, place: { file: 'a.jsonl', line: 3 } })) });
    const [finding] = check(capture, { only: ['every-span-stamped'] });
    expect(finding).toMatchObject({
      rule: 'every-span-stamped',
      severity: 'error',
      what: 'Span "chat m1" of the run "invoke_agent pi" carries no session.id.',
      at: { traceId: spans[1]?.traceId, spanId: spans[1]?.spanId, file: 'a.jsonl', line: 3 },
    });
    const rule = rules.find(({ id }) => id === 'every-span-stamped');
    expect([finding?.why, finding?.fix]).toEqual([rule?.why, rule?.fix]);
  });

  it('says how to mend the one thing that was found, where that is more than its rule says', () => {
    const [finding] = check(captureOf(turn(null)));
    expect(finding?.fix).toContain("Wrap the call in withSession('…', …)");
    expect(finding?.why).toContain('No id is invented for it');
  });

  it('gives findings in the order of their spans, whichever rules they are of', () => {
    const capture = captureOf(
      turn('a', {}, [chat({ attributes: { 'gen_ai.system': 'x' } }), other('GET', { session: null })]),
      turn('b', { attributes: { 'gen_ai.system': 'x' }, starts: [] }),
    );
    const found = check(capture).map(({ rule, at }) => [
      capture.index.spans.findIndex((span) => span.spanId === at.spanId),
      rule,
    ]);
    expect(found).toEqual([
      [1, 'deprecated-names'],
      [2, 'every-span-stamped'],
      [3, 'run-start-matches'],
      [3, 'deprecated-names'],
    ]);
  });

  it('names no file for spans from memory', () => {
    const [finding] = check(captureOf(turn('conv-42', {}, [chat({ session: null })])));
    expect(Object.keys(finding!.at)).toEqual(['traceId', 'spanId']);
  });

  it('takes other levels, and leaves rules out', () => {
    const capture = captureOf(turn(null));
    expect(check(capture).map(({ severity }) => severity)).toEqual(['warn']);
    expect(check(capture, { levels: { 'every-span-stamped': 'error' } }).map(({ severity }) => severity)).toEqual([
      'error',
    ]);
    expect(check(capture, { levels: { 'every-span-stamped': 'off' } })).toEqual([]);
    expect(check(capture, { except: ['every-span-stamped'] })).toEqual([]);
    expect(check(capture, { only: ['no-orphans'] })).toEqual([]);
  });

  it('takes rules of somebody else', () => {
    const [rule] = rules;
    const named = {
      ...rule!,
      id: 'no-turns',
      judge: () => [{ at: captureOf(turn('a')).spans[0]!, what: 'A turn.' }],
    };
    expect(check(captureOf(turn('a')), { rules: [named] }).map(({ what }) => what)).toEqual(['A turn.']);
  });

  it('refuses the name of a rule that does not exist', () => {
    expect(() => check(captureOf(turn('a')), { except: ['turns-linkd'] })).toThrow(CheckUsageError);
  });

  it('refuses a level that does not exist, and what is no capture, from callers without types', () => {
    const levels = JSON.parse('{"turns-linked":"warning"}');
    expect(() => check(captureOf(turn('a')), { levels })).toThrow(
      new CheckUsageError(
        'unknown-level',
        'The level of rule "turns-linked" is "warning", which means nothing. Give it as off, warn or error.',
      ),
    );
    for (const nothing of ['{}', '[]', 'null', '"a"'])
      expect(() => check(JSON.parse(nothing))).toThrow(/^check judges a capture, but was given something else\. /u);
  });

  it('counts a span that was exported twice once', () => {
    const spans = spansOf(turn('conv-42'));
    expect(check(captureRecords({ spans: [...spans, ...spans] }))).toEqual([]);
  });

  it('believes the same one of copies that differ, in whatever order they come', () => {
    const [span] = spansOf(other('GET'));
    const copies = [
      span!,
      { ...span!, attributes: { 'session.id': 'a' } },
      { ...span!, attributes: { 'session.id': 'b' } },
      { ...span!, attributes: { 'session.id': 'a' }, end: span!.end + 1n },
    ];
    for (const at of copies.keys()) {
      const spans = [...copies.slice(at), ...copies.slice(0, at)];
      expect(captureRecords({ spans }).spans).toEqual([copies[3]]);
      expect(captureRecords({ spans: spans.slice(0, -1).toReversed() }).spans).toEqual(
        captureRecords({ spans: spans.slice(0, -1) }).spans,
      );
    }
  });

  it('ends on parents that form a ring', () => {
    const [first, second] = spansOf([other('a', { engine: 'pi', session: 's' }), other('b')]);
    const ring = [
      { ...first!, parentSpanId: second!.spanId },
      { ...second!, parentSpanId: first!.spanId },
    ];
    expect(check(captureRecords({ spans: ring }))).toEqual([]);
  });
});

describe('rules', () => {
  it('have names of their own', () => {
    expect(new Set(rules.map(({ id }) => id)).size).toBe(rules.length);
  });
});
