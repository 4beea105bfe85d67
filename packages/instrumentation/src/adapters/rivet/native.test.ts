import { expect, test } from 'vitest';
import { readMessage, readServer } from './native.ts';

test.each([
  ['http://127.0.0.1:2468/', { address: '127.0.0.1', port: 2468 }],
  ['http://sandbox.internal', { address: 'sandbox.internal', port: 80 }],
  ['https://sandbox.example.com/v1', { address: 'sandbox.example.com', port: 443 }],
  ['not an address', undefined],
  [undefined, undefined],
])('a daemon is where its client’s address says, if that is one: %s', (baseUrl, server) => {
  expect(readServer({ baseUrl })).toEqual(server);
});

test.each([null, 'text', {}, { method: 'session/prompt', params: { sessionId: 'agent' } }, { method: 'session/new' }])(
  'what says nothing about a turn is no message: %j',
  (value) => {
    expect(readMessage(value)).toBeUndefined();
  },
);
