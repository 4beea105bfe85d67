import { describe, expect, test } from 'vitest';
import { codeOf, readSession, readTarget, readTask, type FlameNative } from './native.ts';
import { start, translate } from './translate.ts';

describe('a task', () => {
  const task = (state: unknown) => ({ metadata: { id: '1' }, spec: { session_id: 'a' }, status: { state } });

  test.each([
    [0, 'pending'],
    [2, 'succeed'],
    [9, 'state_9'],
    ['Succeed', 'succeed'],
    ['TASK_STATE_SUCCEED', 'succeed'],
    [undefined, 'pending'],
  ])('is in a state that a client reads as %j', (state, name) => {
    expect(readTask(task(state))).toEqual({ id: '1', session: 'a', state: name, output: undefined });
  });

  test('is no session, and a session no task', () => {
    expect(readSession(task(1))).toBeUndefined();
    expect(readTask({ metadata: { id: 'a' }, spec: { application: 'echo' }, status: { state: 0 } })).toBeUndefined();
  });
});

test.each([
  [0, false],
  [1, true],
  ['Open', false],
  ['Closed', true],
  [undefined, false],
])('a session in the state %j is closed: %j', (state, isClosed) => {
  const session = { metadata: { id: 'a' }, spec: { application: 'echo' }, status: { state } };
  expect(readSession(session)).toEqual({ kind: 'session', session: 'a', application: 'echo', isClosed });
});

test.each([
  ['flame.example:8080', 'flame.example', 8080],
  ['dns:flame.example:8080', 'flame.example', 8080],
  ['dns:///flame.example:8080', 'flame.example', 8080],
  ['dns://8.8.8.8/flame.example:8080', 'flame.example', 8080],
  ['ipv6:[::1]:8080', '::1', 8080],
  ['[::1]:8080', '::1', 8080],
])('a frontend at %s is at %s, port %d', (target, address, port) => {
  expect(readTarget(target)).toEqual({ address, port });
});

test.each(['unix:/var/run/flame.sock', 'flame.example', ':8080'])('a frontend at %s has no address', (target) => {
  expect(readTarget(target)).toBeUndefined();
});

test.each([
  [{ code: 1 }, 'CANCELLED'],
  [{ code: 14 }, 'UNAVAILABLE'],
  [{ code: 99 }, 'UNKNOWN'],
  [{ code: 'EPIPE' }, 'UNKNOWN'],
  [new Error('what somebody said'), 'UNKNOWN'],
])('a failure of gRPC has its code for its name: %o', (error, name) => {
  expect(codeOf(error)).toBe(name);
});

describe('what is told of a session', () => {
  const begin = (run: string, session: string): FlameNative[] => [
    { kind: 'create', run, session },
    { kind: 'created', run, task: { id: run, session, state: 'running' } },
  ];
  const session = (id: string, isClosed: boolean): FlameNative => ({ kind: 'session', session: id, isClosed });

  test('ends its own tasks when it is closed, and no others', () => {
    const state = start();
    const tell = (...natives: FlameNative[]): unknown[] =>
      natives.flatMap((native) =>
        Array.from(translate(native, state), (event) => [event.type, Reflect.get(event, 'run')]),
      );
    tell(...begin('run-a', 'a'), ...begin('run-b', 'b'));
    expect(tell(session('a', false))).toEqual([]);
    expect(tell(session('a', true))).toEqual([['run.end', 'run-a']]);
    expect([...state.runs.keys()]).toEqual(['run-b']);
  });

  test('names the agent of its tasks, of the thousand sessions that were heard of last', () => {
    const state = start();
    const hear = (id: string): void =>
      void [...translate({ kind: 'session', session: id, application: `app ${id}`, isClosed: false }, state)];
    for (let number = 0; number < 1_000; number += 1) hear(`${number}`);
    hear('0');
    hear('one more');
    const agents = ['0', '1', '2'].flatMap((id) => [...translate({ kind: 'create', run: id, session: id }, state)]);
    expect(agents.map((event) => Reflect.get(event, 'agent'))).toEqual(['app 0', 'flame', 'app 2']);
  });

  test('and of a task is told once, however often it is told', () => {
    const state = start();
    const task = { id: '1', session: 'a', state: 'running' };
    const natives: FlameNative[] = [
      { kind: 'create', run: 'run', session: 'a' },
      { kind: 'created', run: 'run', task },
      { kind: 'task', task },
      { kind: 'task', task: { ...task, state: 'failed' } },
    ];
    const events = natives.flatMap((native) => [...translate(native, state)]);
    expect(events.map(({ type }) => type)).toEqual(['run.start', 'run.state', 'run.state', 'run.end']);
  });
});
