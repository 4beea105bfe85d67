import { describe, expect, test } from 'vitest';
import type { RunEvent } from '../../adapter.ts';
import type { RivetNative } from './native.ts';
import { abandon, start, translate, type RivetState } from './translate.ts';

const at = 1_000;
const ok = { stopReason: 'end_turn' };

function play(state: RivetState, natives: readonly RivetNative[]): string[] {
  return natives.flatMap((native) => Array.from(translate(native, state), (event: RunEvent) => event.type));
}

/** A turn up to where its prompt is on the wire. */
function sent(run: string, request: string): RivetNative[] {
  return [
    { kind: 'called', run, session: 'local' },
    { kind: 'bound', run, connection: 1, agentSession: 'agent' },
    { kind: 'sent', connection: 1, agentSession: 'agent', request },
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

  test('of another connection or another of the agent’s sessions is nobody’s', () => {
    const state = start();
    play(state, sent('a', '1'));
    expect(runsOf(state, tool('call', false, { connection: 2, agentSession: 'agent' }))).toEqual([]);
    expect(runsOf(state, tool('call', false, { connection: 1, agentSession: 'other' }))).toEqual([]);
  });

  test('that comes after the answer has the answer’s time', () => {
    const state = start();
    play(state, [...sent('a', '1'), { kind: 'settled', run: 'a', at, answer: ok }]);
    expect(Array.from(translate(tool('call', false), state), (event) => 'at' in event && event.at)).toEqual([at]);
  });
});
