import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { startTracing, type Tracing } from '../testing/tracing.ts';
import { currentSession } from './active-session.ts';
import { readEnvelope, withEnvelope } from './envelope.ts';
import { isSessionId } from './session-id.ts';

let tracing: Tracing;
beforeEach(() => {
  tracing = startTracing();
});
afterEach(() => tracing[Symbol.dispose]());

describe('an envelope', () => {
  test.each([
    [{ session_id: 'a', inputs: 1 }, 'a', undefined],
    [{ sessionId: 'a', inputs: 1 }, 'a', undefined],
    [{ session_id: 'a', sessionId: 'b', inputs: 1 }, 'a', undefined],
    [{ session_id: '', sessionId: 'b', inputs: 1 }, 'b', undefined],
    [{ session_id: 'a', application_name: 'shop', inputs: 1 }, 'a', 'shop'],
    [{ applicationName: 'shop', inputs: 1 }, undefined, 'shop'],
  ])('of %j is read, and what is handed on has none of it', (body, sessionId, applicationName) => {
    expect(readEnvelope<unknown>(body)).toEqual({ sessionId, applicationName, rest: { inputs: 1 } });
    expect(Object.keys(body).length).toBeGreaterThan(1);
  });

  test.each([7, null, undefined, 'session_id', [{ session_id: 'a' }], {}, { inputs: { session_id: 'a' } }])(
    'is not in %j, which is handed on as it is',
    (body) => {
      const { sessionId, rest } = readEnvelope<unknown>(body);
      expect(sessionId).toBeUndefined();
      expect(rest).toBe(body);
    },
  );

  test('may have further names', () => {
    const more = { sessionId: ['conversation'], applicationName: ['app'] };
    expect(readEnvelope<unknown>({ conversation: 'a', app: 'shop', input: 1 }, more)).toEqual({
      sessionId: 'a',
      applicationName: 'shop',
      rest: { input: 1 },
    });
    expect(readEnvelope<unknown>({ session_id: 'a', conversation: 'b' }, more).sessionId).toBe('a');
    const alone: unknown = Reflect.apply(readEnvelope, undefined, [{ app: 'shop', a: 1 }, { applicationName: 'app' }]);
    expect(alone).toEqual({ sessionId: undefined, applicationName: 'shop', rest: { a: 1 } });
  });

  test('is taken out of a body of a class, whose methods and properties stay what they were', () => {
    class Order {
      readonly session_id = 'a';
      readonly items = ['tea'];
      get count(): number {
        return this.items.length;
      }
      first(): string | undefined {
        return this.items[0];
      }
    }
    const body = Object.defineProperties(new Order(), {
      hidden: { value: 1 },
      total: { get: () => 7, enumerable: true },
    });
    for (const given of [body, Object.freeze(body)]) {
      const { sessionId, rest } = readEnvelope(given);
      expect(sessionId).toBe('a');
      expect(rest).toBeInstanceOf(Order);
      expect([rest.count, rest.first(), Object.keys(rest)]).toEqual([1, 'tea', ['items', 'total']]);
      expect('session_id' in rest).toBe(false);
      const { session_id: _taken, ...others } = Object.getOwnPropertyDescriptors(given);
      expect(Object.getOwnPropertyDescriptors(rest)).toEqual(others);
    }
    expect(
      Reflect.getPrototypeOf(readEnvelope(Object.assign(Object.create(null), { sessionId: 'a' })).rest),
    ).toBeNull();
  });

  test('is nothing that a body inherits, and a body that cannot be read has none', () => {
    expect(readEnvelope(Object.create({ session_id: 'a' })).sessionId).toBeUndefined();
    const throwing = {
      get session_id(): never {
        throw new Error('mine');
      },
    };
    expect(readEnvelope(throwing)).toEqual({ sessionId: undefined, applicationName: undefined, rest: throwing });
  });

  test('of whatever comes over the wire is a good id or none, and leaves no field of its own behind', () => {
    const field = fc.constantFrom('session_id', 'sessionId', 'application_name', 'applicationName', '__proto__', 'x');
    fc.assert(
      fc.property(fc.dictionary(field, fc.jsonValue()), (given) => {
        const body: unknown = JSON.parse(JSON.stringify(given));
        const before = JSON.stringify(body);
        const { sessionId, applicationName, rest } = readEnvelope<unknown>(body);
        expect(sessionId === undefined || isSessionId(sessionId)).toBe(true);
        expect(applicationName === undefined || isSessionId(applicationName)).toBe(true);
        expect(JSON.stringify(rest)).not.toMatch(/^\{"(?:session|application)_?[iInN]/);
        expect(JSON.stringify(body)).toBe(before);
      }),
    );
  });
});

describe('withEnvelope', () => {
  test('binds the session for the handler, which gets the rest', async () => {
    const body = { session_id: 'conv-42', application_name: 'shop', inputs: ['hello'] };
    const handled = await withEnvelope(body, async (rest) => {
      await Promise.resolve();
      return [currentSession(), rest];
    });
    expect(handled).toEqual([{ id: 'conv-42', source: 'context' }, { inputs: ['hello'] }]);
    expect(body.session_id).toBe('conv-42');
  });

  test.each([{ session_id: 'x'.repeat(129) }, { session_id: 7 }, { session_id: 'a\u0000' }, {}, 'text', null])(
    'just runs the handler for %j, without a word to whoever sent it',
    (body) => {
      expect(withEnvelope<unknown, unknown>(body, () => currentSession())).toBeUndefined();
      expect(tracing.diagnostics).toEqual([]);
    },
  );

  test('throws what the handler throws', () => {
    expect(() =>
      withEnvelope({ session_id: 'a' }, () => {
        throw new RangeError('mine');
      }),
    ).toThrow(RangeError);
  });
});
