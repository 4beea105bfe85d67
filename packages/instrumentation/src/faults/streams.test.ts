/** Streams that nobody reads to their end. */
import { PassThrough, Readable } from 'node:stream';
import { finished } from 'node:stream/promises';
import '@turnkeeper/check/vitest';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { withSession } from '../session/active-session.ts';
import { attachScripted } from '../testing/attached.ts';
import { startTracing, type Tracing } from '../testing/tracing.ts';
import { traceService } from '../trace-service.ts';

let tracing: Tracing;
beforeEach(() => {
  tracing = startTracing();
});
afterEach(() => {
  vi.useRealTimers();
  tracing[Symbol.dispose]();
});

const numbers = async function* (): AsyncGenerator<number, string> {
  for (let index = 0; index < 3; index += 1) {
    tracing.tracer.startSpan('SELECT').end();
    yield index;
  }
  return 'done';
};
const serve = <T extends object>(work: () => T, idleTimeoutMillis = 1_000): (() => T) =>
  traceService(work, { name: 'service', idleTimeoutMillis });
const valuesOf = async (stream: AsyncIterable<unknown>): Promise<unknown[]> => {
  const values: unknown[] = [];
  for await (const value of stream) values.push(value);
  return values;
};
const tree = (): string => tracing.capture.tree();

describe('a stream that is', () => {
  test('read is a run to its last value', async () => {
    const values: number[] = [];
    for await (const value of withSession('conv-42', serve(numbers))) values.push(value);
    expect(values).toEqual([0, 1, 2]);
    expect(tree()).toBe('invoke_agent service [session conv-42] run.start\n  SELECT\n  SELECT\n  SELECT');
  });

  test('left early ends its run then', async () => {
    for await (const value of withSession('conv-42', serve(numbers))) if (value === 1) break;
    expect(tree()).toBe('invoke_agent service [session conv-42] run.start\n  SELECT\n  SELECT');
  });

  test('aborted ends its run with the error', async () => {
    const aborted = async function* (): AsyncGenerator<number> {
      yield 1;
      throw new DOMException('stopped', 'AbortError');
    };
    const read = async (): Promise<void> => {
      for await (const _value of withSession('conv-42', serve(aborted)));
    };
    await expect(read()).rejects.toThrow('stopped');
    expect(tree()).toBe('invoke_agent service [session conv-42] run.start (error AbortError)');
  });

  test('read step by step is the same generator: next, return, and the value it returns', async () => {
    const stream = withSession('conv-42', serve(numbers));
    expect(await stream.next()).toEqual({ value: 0, done: false });
    expect(await stream.return('left')).toEqual({ value: 'left', done: true });
    expect(tree()).toBe('invoke_agent service [session conv-42] run.start\n  SELECT');
    const whole = withSession('conv-42', serve(numbers));
    for (let index = 0; index < 3; index += 1) await whole.next();
    expect(await whole.next()).toEqual({ value: 'done', done: true });
  });

  test.each([
    ['never read', async () => {}],
    ['abandoned after a value', (stream: AsyncGenerator) => stream.next()],
  ])('%s is closed as abandoned', async (_name, use) => {
    vi.useFakeTimers();
    await use(withSession('conv-42', serve(numbers)));
    vi.advanceTimersByTime(3_000);
    expect(tree().split('\n')[0]).toBe('invoke_agent service [session conv-42] run.start (error abandoned)');
    expect(vi.getTimerCount()).toBe(0);
  });

  test('read slowly goes on while it gives a value now and then', async () => {
    vi.useFakeTimers();
    const slow = async function* (): AsyncGenerator<number> {
      for (let index = 0; index < 20; index += 1) {
        await new Promise((resolve) => setTimeout(resolve, 50));
        yield index;
      }
    };
    const reading = valuesOf(withSession('conv-42', serve(slow, 200)));
    await vi.advanceTimersByTimeAsync(2_000);
    expect(await reading).toHaveLength(20);
    expect(tree()).toBe('invoke_agent service [session conv-42] run.start');
  });

  test('read by its events, as a Node stream may be, is no part of its run: that is over when the call is', async () => {
    const readable = withSession(
      'conv-42',
      serve(() => Readable.from(['a', 'b'])),
    );
    const values: unknown[] = [];
    readable.on('data', (value) => values.push(value));
    expect(tree()).toBe('invoke_agent service [session conv-42] run.start');
    await finished(readable);
    expect(values).toEqual(['a', 'b']);
  });

  test('no generator but an object of its own stays that object: a Readable, a ReadableStream, an SDK’s class', async () => {
    const made: object[] = [];
    const keep = <T extends object>(object: T): T => (made.push(object), object);
    const readable = withSession(
      'conv-1',
      serve(() => keep(Readable.from(['a', 'b']))),
    );
    const web = withSession(
      'conv-2',
      serve(() => keep(new Blob(['ab']).stream())),
    );
    const own = withSession(
      'conv-3',
      serve(() => keep({ controller: 'abort', [Symbol.asyncIterator]: () => numbers() })),
    );
    for (const [index, stream] of [readable, web, own].entries()) expect(stream).toBe(made[index]);
    expect(await readable.pipe(new PassThrough({ objectMode: true })).toArray()).toEqual(['a', 'b']);
    expect(await new Response(web).text()).toBe('ab');
    expect(own.controller).toBe('abort');
    const values: unknown[] = [];
    for await (const value of own) values.push(value);
    expect(values).toEqual([0, 1, 2]);
    expect(tracing.capture).toHaveSession('conv-3', { turns: 1 });
    expect(tree()).toContain('invoke_agent service [session conv-3] run.start\n  SELECT\n  SELECT\n  SELECT');
  });
});

/** Tells whose work it is: each value is a span. */
const shared = (): AsyncIterable<number> => ({ [Symbol.asyncIterator]: () => numbers() });
const places = (): unknown[] => tracing.capture.spans.map(({ name, attributes }) => [name, attributes['session.id']]);

describe('a stream that a service gives to more than one', () => {
  test.each([
    ['', shared],
    [', a generator', numbers],
  ])('very often is read as if it were traced once%s', async (_kind, make) => {
    const stream = make();
    const events = serve(() => stream);
    for (let call = 0; call < 20_000; call += 1) events();
    expect(await valuesOf(stream)).toEqual([0, 1, 2]);
  });

  test('is followed for each of them who reads it before the next one comes', async () => {
    const stream = shared();
    const events = serve(() => stream);
    for (const session of ['conv-1', 'conv-2']) {
      for await (const _value of withSession(session, events)) break;
    }
    expect(tree()).toBe([1, 2].map((id) => `invoke_agent service [session conv-${id}] run.start\n  SELECT`).join('\n'));
  });

  test.each([
    ['', shared],
    [', a generator', numbers],
  ])('before any of them reads it belongs to whoever reads it%s', async (_kind, make) => {
    const stream = make();
    const events = serve(() => stream);
    for (const session of ['conv-1', 'conv-2', 'conv-3']) withSession(session, events);
    await withSession('conv-4', () => valuesOf(stream));
    expect(places()).toEqual([
      ...['conv-1', 'conv-2', 'conv-3'].map((session) => ['invoke_agent service', session]),
      ...[1, 2, 3].map(() => ['SELECT', 'conv-4']),
    ]);
    expect(tree()).not.toContain('error');
  });

  test.each([
    ['', shared],
    [', a generator', numbers],
  ])('one around the other is inside both: a service that hands on what another one gives%s', async (_kind, make) => {
    const outer = serve(serve(serve(make)));
    expect(await valuesOf(withSession('conv-42', outer))).toEqual([0, 1, 2]);
    for await (const _value of withSession('conv-42', outer)) break;
    const nested = ['  invoke_agent service run.start', '    invoke_agent service run.start', '      SELECT'];
    expect(tree().split('\n')).toEqual([
      'invoke_agent service [session conv-42] run.start',
      ...nested,
      '      SELECT',
      '      SELECT',
      'invoke_agent service [session conv-42] run.start -> previous turn',
      ...nested,
    ]);
    expect(tracing.diagnostics).toEqual([]);
  });

  test('may have one iterator for all of them', async () => {
    const iterator = numbers();
    const stream = { [Symbol.asyncIterator]: () => iterator };
    const events = serve(() => stream);
    for (let call = 0; call < 20_000; call += 1) events()[Symbol.asyncIterator]();
    expect(await valuesOf(stream)).toEqual([0, 1, 2]);
  });
});

describe('an iterator', () => {
  class Tokens implements AsyncIterableIterator<number> {
    #left = 3;

    get left(): number {
      return this.#left;
    }

    async next(): Promise<IteratorResult<number>> {
      this.#left -= 1;
      return { done: this.#left < 0, value: this.#left };
    }

    async [Symbol.asyncDispose](): Promise<void> {
      this.#left = 0;
    }

    [Symbol.asyncIterator](): this {
      return this;
    }
  }

  test('is itself when it is followed, and ends its run when it is disposed of', async () => {
    const tokens = withSession(
      'conv-1',
      serve(() => new Tokens()),
    );
    expect(tokens).toBeInstanceOf(Tokens);
    expect([await tokens.next(), tokens.left]).toEqual([{ done: false, value: 2 }, 2]);
    expect(tracing.capture.spans).toEqual([]);
    await tokens[Symbol.asyncDispose]();
    const generator = withSession('conv-2', serve(numbers));
    await generator.next();
    await generator[Symbol.asyncDispose]();
    expect(tree()).toBe(
      'invoke_agent service [session conv-1] run.start\ninvoke_agent service [session conv-2] run.start\n  SELECT',
    );
  });

  test('is a resource that Node disposes of by itself, as `await using` does', async () => {
    const resources = new AsyncDisposableStack();
    const generator = resources.use(withSession('conv-1', serve(numbers)));
    await generator.next();
    const tokens = resources.use(
      withSession(
        'conv-2',
        serve(() => new Tokens()),
      ),
    );
    await resources.disposeAsync();
    expect([tokens.left, await generator.next()]).toEqual([0, { done: true, value: undefined }]);
    expect(tree()).toBe(
      'invoke_agent service [session conv-1] run.start\n  SELECT\ninvoke_agent service [session conv-2] run.start',
    );
  });

  test('keeps what others keep on its methods, a spy’s calls for one', async () => {
    const next = vi.fn<() => Promise<IteratorResult<number>>>(async () => ({ done: true, value: 0 }));
    const iterator = withSession(
      'conv-42',
      serve(() => ({ next, [Symbol.asyncIterator]: (): AsyncIterator<number> => iterator })),
    );
    expect(await valuesOf(iterator)).toEqual([]);
    expect(iterator.next).toHaveBeenCalledOnce();
    expect(tree()).toBe('invoke_agent service [session conv-42] run.start');
    const generator = withSession('conv-42', serve(numbers));
    expect([generator.next.name, generator.next.length]).toEqual(['next', 1]);
  });

  test('that has no way to be left gets one', async () => {
    for await (const _value of withSession(
      'conv-42',
      serve(() => new Tokens()),
    ))
      break;
    expect(tree()).toBe('invoke_agent service [session conv-42] run.start');
  });

  test('that throws where it should promise ends its run with the error', () => {
    const next = (): never => {
      throw new RangeError('mine');
    };
    const stream = withSession(
      'conv-42',
      serve(() => ({ [Symbol.asyncIterator]: () => ({ next }) })),
    );
    expect(() => stream[Symbol.asyncIterator]().next()).toThrow(RangeError);
    expect(tree()).toBe('invoke_agent service [session conv-42] run.start (error RangeError)');
  });

  test.each([
    ['is frozen', Object.freeze],
    [
      'lets nobody look at it',
      (iterator: AsyncIterator<number>) =>
        new Proxy(iterator, {
          get: (target, name) => {
            if (name !== 'next') throw new TypeError('not yours');
            return target.next;
          },
        }),
    ],
  ])('that %s ends its run when it is read', async (_name, guard) => {
    const next = async (): Promise<IteratorResult<number>> => ({ done: true, value: 1 });
    const stream = withSession(
      'conv-42',
      serve(() => ({ [Symbol.asyncIterator]: () => guard({ next }) })),
    );
    expect(await valuesOf(stream)).toEqual([]);
    expect(tree()).toBe('invoke_agent service [session conv-42] run.start');
  });
});

describe('a stream that an adapter follows', () => {
  test.each([
    ['is frozen', () => Object.freeze({ [Symbol.asyncIterator]: () => numbers() })],
    [
      'throws when it is asked for its iterator',
      () => ({
        get [Symbol.asyncIterator](): () => AsyncGenerator<number> {
          throw new Error('the engine’s own');
        },
      }),
    ],
  ])('and that %s is given back as it is', (_name, make) => {
    const { tap, say } = attachScripted();
    say({ type: 'run.start', run: 'r', session: 'own-1' });
    const stream = make();
    expect(tap.through({ run: 'r' }, stream)).toBe(stream);
  });

  test('has what it had, and an end for a reader that leaves', async () => {
    const { tap, say } = attachScripted();
    say({ type: 'run.start', run: 'r', session: 'own-1' });
    const next = async (): Promise<IteratorResult<number>> => ({ done: false, value: 1 });
    const stream: AsyncIterable<number> = tap.through({ run: 'r' }, { [Symbol.asyncIterator]: () => ({ next }) });
    const iterator = stream[Symbol.asyncIterator]();
    await iterator.next();
    const members = ['next', 'return', 'throw', Symbol.asyncDispose];
    expect(members.filter((name) => name in stream)).toEqual([]);
    expect(members.filter((name) => name in iterator)).toEqual(['next', 'return']);
    expect(await iterator.return?.('left')).toEqual({ done: true, value: 'left' });
  });

  test('goes on when its run is over or observation has stopped', async () => {
    const { tap, say, stop } = attachScripted();
    say({ type: 'run.start', run: 'r', session: 'own-1' });
    const stream = tap.through({ run: 'r' }, numbers());
    const iterator = stream[Symbol.asyncIterator]();
    await iterator.next();
    say({ type: 'run.end', run: 'r', outcome: { kind: 'ok' } });
    expect(await iterator.next()).toEqual({ value: 1, done: false });
    stop();
    expect(await iterator.next()).toEqual({ value: 2, done: false });
  });
});
