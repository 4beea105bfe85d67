import { describe, expect, test } from 'vitest';
import type { RunEvent } from '../../adapter.ts';
import type { RivetNative } from './native.ts';
import { abandon, scope, start, translate, type RivetState } from './translate.ts';

const at = 1_000;
const ok = { stopReason: 'end_turn' };

function play(state: RivetState, natives: readonly RivetNative[]): string[] {
  return natives.flatMap((native) => Array.from(translate(native, state), (event: RunEvent) => event.type));
}

/** A turn up to where its prompt is on the wire. */
function sent(run: string, request: string, where = { connection: 1, agentSession: 'agent' }): RivetNative[] {
  return [
    { kind: 'called', run, session: 'local' },
    { kind: 'bound', run, ...where },
    { kind: 'sent', ...where, request },
  ];
}

describe('a turn is forgotten', () => {
  const settled: RivetNative = { kind: 'settled', run: 'a', at, answer: ok };
  const delivered: RivetNative = { kind: 'delivered', connection: 1, request: '1', at };
  const fence: RivetNative = { kind: 'fence', connection: 1, request: '1' };

  test.each<[string, readonly RivetNative[]]>([
    ['when it is settled, delivered and fenced', [settled, delivered, fence]],
    ['in whatever order that comes', [fence, delivered, settled]],
    ['when its grace is over', [settled, { kind: 'expired', run: 'a' }]],
    ['when its connection is gone', [{ kind: 'gone', connection: 1, failure: 'ECONNRESET' }]],
    ['when it failed', [{ ...settled, answer: { failure: '-32603' } }, delivered, fence]],
  ])('%s', (_when, natives) => {
    const state = start();
    expect(play(state, sent('a', '1'))).toEqual(['run.start']);
    expect(play(state, natives)).toEqual(['run.end']);
    expect(state.turns.size).toBe(0);
    // Nothing that still comes of it is anybody's.
    expect(play(state, [...natives, { kind: 'expired', run: 'a' }])).toEqual([]);
  });

  test('when it failed before it was sent, and then it is told of', () => {
    const state = start();
    const failed: RivetNative = { kind: 'settled', run: 'a', at, answer: { failure: 'Error' } };
    expect(play(state, [{ kind: 'called', run: 'a', session: 'local' }, failed])).toEqual(['run.start', 'run.end']);
    expect(state.turns.size).toBe(0);
  });

  test('when it succeeded and nothing of it was seen, and then it has no end either', () => {
    const state = start();
    expect(play(state, [{ kind: 'called', run: 'a', session: 'local' }, settled])).toEqual([]);
    expect(state.turns.size).toBe(0);
  });

  test('when its own connection is gone, and no turn of another agent’s', () => {
    const state = start();
    play(state, [...sent('a', '1'), ...sent('b', '1', { connection: 2, agentSession: 'agent' })]);
    expect(play(state, [{ kind: 'gone', connection: 2, failure: 'ECONNRESET' }])).toEqual(['run.end']);
    expect([...state.turns.keys()]).toEqual(['a']);
  });

  test('when it is over itself, though each connection counts its requests from the same number', () => {
    const state = start();
    play(state, [...sent('a', '1'), ...sent('b', '1', { connection: 2, agentSession: 'agent' })]);
    const on = { connection: 2, request: '1' };
    const over: RivetNative[] = [
      { kind: 'delivered', ...on, at },
      { kind: 'fence', ...on },
      { ...settled, run: 'b' },
    ];
    expect(play(state, over)).toEqual(['run.end']);
    expect([...state.turns.keys()]).toEqual(['a']);
  });

  test('when it is given up, and the next one has what is said from then on', () => {
    const state = start();
    play(state, [...sent('a', '1'), ...sent('b', '2')]);
    const update = { kind: 'text', text: 'here I am' } as const;
    const said: RivetNative = { kind: 'update', connection: 1, agentSession: 'agent', update };
    expect([...translate(said, state)]).toEqual([{ type: 'model.output', run: 'a' }]);
    abandon('a', state);
    expect([...translate(said, state)]).toEqual([{ type: 'model.output', run: 'b' }]);
    expect([...state.turns.keys()]).toEqual(['b']);
  });

  test('when it is the oldest of too many that nobody answers', () => {
    const state = start();
    for (let turn = 0; turn < 10_100; turn += 1)
      play(state, [{ kind: 'called', run: `run-${turn}`, session: 'local' }]);
    expect(state.turns.size).toBe(10_000);
  });
});

test.each([
  [ok, ['tool.end', 'run.end']],
  [{ failure: '-32603' }, ['run.end']],
])(
  'a tool that is open when the turn’s time is up has ended with it, unless the turn has failed: %j',
  (answer, ends) => {
    const state = start();
    const tool = { id: 'call', isUpdate: false, name: 'read' };
    play(state, [
      ...sent('a', '1'),
      { kind: 'update', connection: 1, agentSession: 'agent', update: { kind: 'tool', tool } },
      { kind: 'settled', run: 'a', at, answer },
    ]);
    expect(play(state, [{ kind: 'expired', run: 'a' }])).toEqual(ends);
  },
);

describe('an update', () => {
  const tool = (id: string, isUpdate: boolean, where = { connection: 1, agentSession: 'agent' }): RivetNative => ({
    kind: 'update',
    ...where,
    update: { kind: 'tool', tool: { id, isUpdate, name: 'read' } },
  });
  const runsOf = (state: RivetState, native: RivetNative): string[] =>
    Array.from(translate(native, state), (event: RunEvent) => ('run' in event ? event.run : ''));

  test('is of the oldest turn that is not fenced, and of the turn whose call it adds to', () => {
    const state = start();
    play(state, [...sent('a', '1'), ...sent('b', '2')]);
    expect(runsOf(state, tool('call-a', false))).toEqual(['a']);
    play(state, [{ kind: 'fence', connection: 1, request: '1' }]);
    expect(runsOf(state, tool('call-b', false))).toEqual(['b']);
    expect(runsOf(state, tool('call-a', true))).toEqual(['a']);
  });

  test('is of the newest call under its id, where the agent uses that again', () => {
    const state = start();
    play(state, sent('a', '1'));
    const say = (isUpdate: boolean, status: string): unknown[] => {
      const update = { kind: 'tool', tool: { id: 'call', isUpdate, name: 'read', status } } as const;
      const native = { kind: 'update', connection: 1, agentSession: 'agent', update } as const;
      return Array.from(translate(native, state), (event) => ('call' in event ? [event.type, event.call] : event.type));
    };
    expect(say(false, 'pending')).toEqual([['tool.start', 'call']]);
    expect(say(true, 'completed')).toEqual(['run.progress', ['tool.end', 'call']]);
    expect(say(true, 'completed')).toEqual(['run.progress']);
    expect(say(false, 'pending')).toEqual([['tool.start', 'call']]);
    expect(say(false, 'in_progress')).toEqual(['run.progress']);
    expect(say(true, 'completed')).toEqual(['run.progress', ['tool.end', 'call']]);
  });

  test('of a call is of its own session’s, though another’s is called the same, and of a new one, of the turn at work', () => {
    const state = start();
    const other = { connection: 1, agentSession: 'other' };
    play(state, [...sent('a', '1'), tool('call', false), ...sent('b', '2', other), tool('call', false, other)]);
    expect(runsOf(state, tool('call', true, other))).toEqual(['b']);
    play(state, [{ kind: 'fence', connection: 1, request: '1' }, ...sent('c', '3')]);
    expect(runsOf(state, tool('call', false))).toEqual(['c']);
  });

  test('is of the turn that was answered before, until it is known that no fence comes; once one came, for good', () => {
    const state = start();
    const settled = (run: string): RivetNative => ({ kind: 'settled', run, at, answer: ok });
    play(state, [...sent('a', '1'), settled('a'), ...sent('b', '2')]);
    expect(runsOf(state, tool('call-1', false))).toEqual(['a']);
    play(state, [{ kind: 'fence', connection: 1, request: '1' }, settled('b'), { kind: 'expired', run: 'b' }]);
    play(state, [...sent('c', '3'), settled('c'), ...sent('d', '4')]);
    expect(runsOf(state, tool('call-2', false))).toEqual(['c']);
  });

  test('is of the turn that was answered last, where no fence ever comes and none is without an answer', () => {
    const state = start();
    const settled = (run: string): RivetNative => ({ kind: 'settled', run, at, answer: ok });
    play(state, [...sent('a', '1'), settled('a'), { kind: 'expired', run: 'a' }]);
    play(state, [...sent('b', '2'), settled('b'), ...sent('c', '3'), settled('c')]);
    expect(runsOf(state, tool('call', false))).toEqual(['c']);
  });

  test('of another connection or another of the agent’s sessions is nobody’s, and has no context of anybody’s', () => {
    const state = start();
    play(state, sent('a', '1'));
    for (const where of [
      { connection: 2, agentSession: 'agent' },
      { connection: 1, agentSession: 'other' },
    ]) {
      expect(scope(tool('call', false, where), state)).toBeNull();
      expect(scope({ kind: 'asking', ...where, call: 'call' }, state)).toBeNull();
    }
    expect(runsOf(state, tool('call', false, { connection: 2, agentSession: 'agent' }))).toEqual([]);
    expect(runsOf(state, tool('call', false, { connection: 1, agentSession: 'other' }))).toEqual([]);
  });

  test('that comes after the answer has the answer’s time', () => {
    const state = start();
    play(state, [...sent('a', '1'), { kind: 'settled', run: 'a', at, answer: ok }]);
    expect(Array.from(translate(tool('call', false), state), (event) => 'at' in event && event.at)).toEqual([at]);
  });
});

test('a turn is bound once: a prompt that is sent as a notification inside it is another session’s affair', () => {
  const state = start();
  play(state, sent('a', '1'));
  expect(play(state, [{ kind: 'bound', run: 'a', connection: 1, agentSession: 'other' }])).toEqual([]);
  const update = { kind: 'text', text: 'here I am' } as const;
  expect(play(state, [{ kind: 'update', connection: 1, agentSession: 'agent', update }])).toEqual(['model.output']);
});

test('a prompt that is on the wire before one that was called earlier has its own request', () => {
  const state = start();
  const slow = { connection: 1, agentSession: 'slow' };
  play(state, [
    { kind: 'called', run: 'a', session: 'slow' },
    { kind: 'called', run: 'b', session: 'local' },
    { kind: 'bound', run: 'a', ...slow },
    ...sent('b', '1').slice(1),
    { kind: 'sent', ...slow, request: '2' },
  ]);
  expect(scope({ kind: 'posted', connection: 1, request: '1' }, state)).toEqual({ run: 'b' });
  expect(scope({ kind: 'posted', connection: 1, request: '2' }, state)).toEqual({ run: 'a' });
});

test('the agent’s id of a session is known by what is sent, where the client’s own table is elsewhere', () => {
  const state = start();
  play(state, [
    { kind: 'called', run: 'a', session: 'local' },
    { kind: 'bound', run: 'a', connection: 1 },
    { kind: 'sent', connection: 1, agentSession: 'agent', request: '1' },
  ]);
  const update = { kind: 'text', text: 'here I am' } as const;
  expect(play(state, [{ kind: 'update', connection: 1, agentSession: 'other', update }])).toEqual([]);
  expect(play(state, [{ kind: 'update', connection: 1, agentSession: 'agent', update }])).toEqual(['model.output']);
});

test('a permission that is answered is a sign of life, though the agent says nothing more', () => {
  const state = start();
  const on = { connection: 1, request: '7' };
  play(state, sent('a', '1'));
  expect(play(state, [{ kind: 'asked', agentSession: 'agent', ...on }])).toEqual(['run.wait']);
  // Also of a tool that the agent has not told of, it is asked inside the turn.
  expect(scope({ kind: 'asking', connection: 1, agentSession: 'agent', call: 'call' }, state)).toEqual({ run: 'a' });
  expect(play(state, [{ kind: 'answered', ...on, connection: 2 }])).toEqual([]);
  expect(play(state, [{ kind: 'answered', ...on }])).toEqual(['run.resume']);
  expect(play(state, [{ kind: 'answered', ...on }])).toEqual([]);
});
