import { describe, expect, it } from 'vitest';
import { captureRecords } from '../../capture.ts';
import { captureOf, chat, other, spansOf, tool, turn } from '../../testing/spans.ts';
import { divideIntoParts } from './parts.ts';

const divide = (capture: ReturnType<typeof captureOf>) =>
  divideIntoParts(capture.index).map(({ session, kind, spans }) => [
    session,
    kind,
    ...spans.map(({ span }) => span.name),
  ]);

describe('divideIntoParts', () => {
  it("takes a server's span into the turn below it", () => {
    expect(divide(captureOf(other('POST', {}, [turn('a'), other('SELECT')])))).toEqual([
      ['a', 'turn', 'POST', 'invoke_agent pi', 'chat m1', 'SELECT'],
    ]);
  });

  it('lets a span of the caller above several turns stand by itself', () => {
    expect(divide(captureOf(other('batch', {}, [turn('a'), turn('b'), other('flush')])))).toEqual([
      [undefined, 'spans', 'batch'],
      ['a', 'turn', 'invoke_agent pi', 'chat m1'],
      ['b', 'turn', 'invoke_agent pi', 'chat m1'],
      [undefined, 'spans', 'flush'],
    ]);
  });

  it('keeps an enclosed run with the turn that encloses it, and tells tasks from turns', () => {
    const task = other('compact', { engine: 'pi', session: 'a' });
    expect(divide(captureOf(turn('a', {}, [tool({}, [turn('b', {}, [])])]), task))).toEqual([
      ['a', 'turn', 'invoke_agent pi', 'execute_tool add', 'invoke_agent pi'],
      ['a', 'task', 'compact'],
    ]);
  });

  it('takes a span of the caller above two turns and more others than a call takes arguments', () => {
    const others = Array.from({ length: 130_000 }, () => other('GET'));
    const { index } = captureOf(other('batch', {}, [turn('a'), turn('b'), ...others]));
    expect(divideIntoParts(index)).toHaveLength(130_003);
  });

  it('takes more turns below one span than could be copied for each of them', () => {
    const { index } = captureOf(
      other(
        'batch',
        {},
        Array.from({ length: 60_000 }, (_, at) => turn(`${at}`, {}, [])),
      ),
    );
    expect(divideIntoParts(index)).toHaveLength(60_001);
  });

  it('has every span exactly once, whatever their parents are', () => {
    const spans = spansOf([other('a'), other('b'), other('c', { parent: 'missing' })], turn('a', {}, [chat()]));
    const [first, second, ...rest] = spans;
    const ring = [{ ...first!, parentSpanId: second!.spanId }, { ...second!, parentSpanId: first!.spanId }, ...rest];
    const names = divide(captureRecords({ spans: ring })).flatMap(([, , ...own]) => own);
    expect(names).toHaveLength(5);
    expect(new Set(names)).toEqual(new Set(['a', 'b', 'c', 'chat m1', 'invoke_agent pi']));
  });
});
