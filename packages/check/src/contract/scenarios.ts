/** What every adapter is held to, from recordings of its real engine. One that an engine cannot do is declared so. */
export const SCENARIOS = {
  turn: 'one turn with one model call',
  conversation: 'three turns of one session',
  tool: 'a turn with a tool call',
  retry: 'a turn in which the engine tries again: one run',
  failure: 'a turn that fails',
  cancelled: 'a turn that its user stops',
  'side-by-side': 'two sessions at work at the same time',
  nested: 'an agent inside an agent',
  'late-session': 'a session whose id the engine gives late',
  wait: 'a turn that waits for a person',
} as const;

/** A scenario's name: that of its recording, without the ending. */
export type Scenario = keyof typeof SCENARIOS;

export const SCENARIO_NAMES: readonly Scenario[] = [
  'turn',
  'conversation',
  'tool',
  'retry',
  'failure',
  'cancelled',
  'side-by-side',
  'nested',
  'late-session',
  'wait',
];
