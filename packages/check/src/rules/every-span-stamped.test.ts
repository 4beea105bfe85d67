import { describe, expect, it } from 'vitest';
import { chat, judge, other, tool, turn, violations } from '../testing/spans.ts';
import { everySpanStamped as rule } from './every-span-stamped.ts';

describe('every-span-stamped', () => {
  it('finds an HTTP span deep below a run', () => {
    expect(judge(rule, turn('conv-42', {}, [tool({}, [other('GET', { session: null })])]))).toEqual([
      'Span "GET" of the run "invoke_agent pi" carries no session.id.',
    ]);
  });

  it('finds a root whose own id is gone while its spans still carry theirs', () => {
    const root = turn(null, { attributes: { 'turnkeeper.session.source': 'explicit' } }, [
      chat({ session: 'conv-42' }),
    ]);
    expect(judge(rule, root)).toEqual(['Span "invoke_agent pi", the root of a run of "pi", carries no session.id.']);
  });

  it('says where a session must begin that began inside of the run', () => {
    const late = turn(null, { starts: [{ 'turnkeeper.engine.name': 'pi' }] }, [
      other('GET', { session: 'conv-42' }),
      other('SELECT', { session: null }),
    ]);
    const found = violations(rule, late);
    expect(found.map(({ what }) => what)).toEqual([
      'Span "invoke_agent pi", the root of a run of "pi", carries no session.id.',
      'Span "SELECT" of the run "invoke_agent pi" carries no session.id.',
    ]);
    for (const { fix } of found) expect(fix).toContain('withSession');
    const lost = turn(null, { starts: [{ 'session.id': 'conv-42' }] }, [other('GET', { session: 'conv-42' })]);
    expect(violations(rule, lost).map(({ fix }) => fix)).toEqual([undefined]);
  });

  it('finds an empty id', () => {
    expect(judge(rule, turn('conv-42', {}, [chat({ session: '' })]))).toHaveLength(1);
  });

  it('warns once of a run that has no id at all, however many spans and runs are below it', () => {
    const found = violations(rule, turn(null, {}, [chat(), tool({}, [turn(null)])]));
    expect(found.map(({ severity }) => severity)).toEqual(['warn']);
  });

  it('does not take a run for one without any id when its run.start names one', () => {
    const root = turn(null, { starts: [{ 'session.id': 'conv-42' }] }, []);
    expect(violations(rule, root).map(({ severity }) => severity)).toEqual([undefined]);
  });

  it('reports what another process did once, where the call came in', () => {
    const resource = { 'service.name': 'stock' };
    const remote = other('POST /add', { session: null, resource, kind: 'server' }, [
      other('SELECT', { session: null, resource }),
    ]);
    expect(judge(rule, turn('conv-42', {}, [tool({}, [remote])]))).toEqual([
      'Span "POST /add", in another process than its run "invoke_agent pi", carries no session.id.',
    ]);
  });

  it('knows a process whose attributes stand in another order', () => {
    const [resource, again] = [
      { 'service.name': 'shop', 'process.pid': 7 },
      { 'process.pid': 7, 'service.name': 'shop' },
    ];
    const unstamped = [1, 2].map(() => other('GET', { session: null, resource: again }, []));
    expect(judge(rule, turn('conv-42', { resource }, unstamped))).toEqual([
      'Span "GET" of the run "invoke_agent pi" carries no session.id.',
      'Span "GET" of the run "invoke_agent pi" carries no session.id.',
    ]);
  });

  it('finds what lost the session here before it called another process, and what lost it there', () => {
    const resource = { 'service.name': 'stock' };
    const remote = (session: string | null) =>
      other('POST /add', { session, resource, kind: 'server' }, [other('SELECT', { session: null, resource })]);
    expect(
      judge(rule, turn('conv-42', {}, [tool({ session: null }, [remote(null)]), tool({}, [remote('conv-42')])])),
    ).toEqual([
      'Span "execute_tool add" of the run "invoke_agent pi" carries no session.id.',
      'Span "POST /add", in another process than its run "invoke_agent pi", carries no session.id.',
      'Span "SELECT", in another process than its run "invoke_agent pi", carries no session.id.',
    ]);
  });

  it('finds every span of a run that lost the session of a run around it', () => {
    const lost = turn(null, {}, [tool({}, [turn('conv-42')])]);
    const found = violations(rule, turn('conv-42', {}, [tool({}, [turn(null, {}, [tool({}, [lost])])])]));
    expect(found.map(({ what, severity }) => [what, severity])).toEqual([
      ['Span "invoke_agent pi", the root of a run of "pi", carries no session.id.', undefined],
      ['Span "execute_tool add" of the run "invoke_agent pi" carries no session.id.', undefined],
      ['Span "invoke_agent pi", the root of a run of "pi", carries no session.id.', undefined],
      ['Span "execute_tool add" of the run "invoke_agent pi" carries no session.id.', undefined],
    ]);
  });

  it('reports a run in another process once, where the call came in', () => {
    const resource = { 'service.name': 'stock' };
    const run = turn(null, { resource }, [chat({ resource })]);
    const remote = other('POST /ask', { session: null, resource, kind: 'server' }, [run]);
    expect(judge(rule, turn('conv-42', {}, [tool({}, [remote])]))).toEqual([
      'Span "POST /ask", in another process than its run "invoke_agent pi", carries no session.id.',
    ]);
  });

  it('asks nothing of spans above the first run, nor beside it', () => {
    expect(judge(rule, other('POST /chat', {}, [turn('conv-42'), other('SELECT')]))).toEqual([]);
  });

  it('asks nothing of traces without a run', () => {
    expect(judge(rule, other('GET', {}, [chat()]))).toEqual([]);
  });
});
