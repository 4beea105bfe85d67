import { expect, test } from 'vitest';
import { start, translate } from './translate.ts';

test('of turns that nobody answers, and of agents, the oldest are forgotten when there are very many', () => {
  const state = start();
  for (let at = 0; at < 10_100; at += 1) {
    void [...translate({ kind: 'agent', connection: at, name: `agent-${at}` }, state)];
    void [...translate({ kind: 'prompt', run: `run-${at}`, connection: at, session: 'session' }, state)];
  }
  expect([state.turns.size, state.turns.has('run-99'), state.turns.has('run-100')]).toEqual([10_000, false, true]);
  expect([state.agents.size, state.agents.has(9_099), state.agents.has(9_100)]).toEqual([1_000, false, true]);
});
