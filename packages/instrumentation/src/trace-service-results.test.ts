import '@turnkeeper/check/vitest';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { startTracing, type Tracing } from './testing/tracing.ts';
import { traceService } from './trace-service.ts';

let tracing: Tracing;
beforeEach(() => {
  tracing = startTracing();
});
afterEach(() => tracing[Symbol.dispose]());
const tree = (): string => tracing.capture.tree();
const errors = (): unknown[] => tracing.capture.spans.map(({ attributes }) => attributes['error.type']);
const work = (): void => tracing.tracer.startSpan('SELECT').end();

/** Says what was done with it, and has something private to say it with. */
class Connection {
  readonly #told: string[];

  constructor(told: string[]) {
    this.#told = told;
  }

  [Symbol.dispose](): void {
    this.#told.push('disposed of');
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#told.push('disposed of later');
  }
}

/** Works in the database between its values. */
class Counter {
  async *stream(): AsyncGenerator<number> {
    for (const step of [1, 2]) {
      work();
      yield step;
    }
  }
}

test('what is traced is a resource that Node disposes of by itself, as `using` does', async () => {
  const told: string[] = [];
  const Traced = traceService(Connection, { name: 'client' });
  const resources = new DisposableStack();
  resources.use(new Traced(told));
  resources.dispose();
  const later = new AsyncDisposableStack();
  later.use(traceService(new Connection(told), { name: 'client' }));
  await later.disposeAsync();
  expect([told, tracing.capture.spans]).toEqual([['disposed of', 'disposed of later'], []]);
});

describe('a call', () => {
  test('runs until a promise of a class of its own settles, and gives that very promise', async () => {
    class Request<T> extends Promise<T> {
      static override get [Symbol.species](): PromiseConstructor {
        return Promise;
      }

      cancel(): string {
        return 'cancelled';
      }
    }
    const request = new Request<string>((done) => done(Promise.resolve('answered')));
    const failing = new Request<string>((_done, fail) => fail(new RangeError('mine')));
    const service = traceService({ ask: () => request, fail: () => failing }, { name: 'client', session: 's' });
    const asked = service.ask();
    expect(asked).toBe(request);
    expect([asked.cancel(), tracing.capture.spans]).toEqual(['cancelled', []]);
    expect(await asked).toBe('answered');
    await expect(service.fail()).rejects.toThrow('mine');
    expect(errors()).toEqual([undefined, 'RangeError']);
  });

  test('ends its run when it gives a query that is done only where it is awaited, and leaves that to its caller', async () => {
    const asked: string[] = [];
    class Query {
      readonly #sql: string;

      constructor(sql: string) {
        this.#sql = sql;
      }

      limit(rows: number): Query {
        return new Query(`${this.#sql} limit ${rows}`);
      }

      // oxlint-disable-next-line unicorn/no-thenable
      then(give: (rows: string) => void): void {
        asked.push(this.#sql);
        give('rows');
      }

      async *[Symbol.asyncIterator](): AsyncGenerator<string> {
        yield this.#sql;
      }
    }
    const service = traceService({ find: () => new Query('select') }, { name: 'store', session: 's', content: 'all' });
    const query = service.find();
    expect(query).toBeInstanceOf(Query);
    expect([errors(), asked]).toEqual([[undefined], []]);
    expect(await query.limit(2)).toBe('rows');
    expect(asked).toEqual(['select limit 2']);
    expect(tracing.capture.spans[0]?.attributes).not.toHaveProperty('gen_ai.output.messages');
  });
});

test('instances of a traced class look at each other’s private members, and give each other as they were given', () => {
  class Node {
    static isOne(value: object): boolean {
      return #next in value;
    }

    readonly #name: string;
    #next: Node | undefined;

    constructor(name: string, next?: Node) {
      this.#name = name;
      this.#next = next;
      if (next) next.#next = this;
    }

    isLike(other: Node): boolean {
      return this.#name === other.#name;
    }

    next(): Node | undefined {
      return this.#next;
    }
  }
  const Traced = traceService(Node, { name: 'node', session: 's' });
  const first = new Traced('one');
  const second = new Traced('one', first);
  expect([first.isLike(second), Traced.isOne(second)]).toEqual([true, true]);
  expect(first.next()).toBe(second);
  expect(second.next()).toBe(first);
  expect(tracing.capture.spans).toHaveLength(4);
});

describe('a stream', () => {
  const numbers = async (stream: AsyncIterable<number>): Promise<number[]> => {
    const seen: number[] = [];
    for await (const value of stream) seen.push(value);
    return seen;
  };

  test('is a run until it has been read, and its work is in it', async () => {
    const service = traceService(new Counter(), { name: 'recommender', session: 'conv-42' });
    const stream = service.stream();
    expect(tracing.capture.spans).toEqual([]);
    expect(await numbers(stream)).toEqual([1, 2]);
    expect(tree()).toMatchInlineSnapshot(`
      "invoke_agent recommender.stream [session conv-42] run.start
        SELECT
        SELECT"
    `);
  });

  test('that its reader leaves is over, and one that fails has failed', async () => {
    const failing = async function* (): AsyncGenerator<number> {
      yield 1;
      throw new RangeError('mine');
    };
    const reluctant = async function* (): AsyncGenerator<number> {
      try {
        yield 1;
      } finally {
        yield 2;
      }
    };
    const service = traceService(
      { failing, reluctant, plain: () => new Counter().stream() },
      { name: 'streams', session: 's' },
    );
    for await (const _value of service.plain()) break;
    for await (const _value of service.reluctant()) break;
    await expect(numbers(service.failing())).rejects.toThrow(RangeError);
    expect(tracing.capture.index.runs.map(({ root }) => root.attributes['error.type'])).toEqual([
      undefined,
      undefined,
      'RangeError',
    ]);
  });

  test('of a kind of its own stays what it is, and one that was promised is followed too', async () => {
    class Stream implements AsyncIterable<number> {
      readonly extra = 'kept';
      async *[Symbol.asyncIterator](): AsyncGenerator<number> {
        work();
        yield 1;
      }
    }
    const made = new Stream();
    const service = traceService({ ask: async () => made }, { name: 'streams', session: 'conv-42' });
    const stream = await service.ask();
    expect(stream).toBe(made);
    expect(stream.extra).toBe('kept');
    expect(tracing.capture.spans).toEqual([]);
    expect(await numbers(stream)).toEqual([1]);
    expect(tree()).toMatchInlineSnapshot(`
      "invoke_agent streams.ask [session conv-42] run.start
        SELECT"
    `);
  });

  test.each(['read', 'tee', 'toReadableStream', Symbol.iterator])(
    'that can be read by its %s too is handed on as it is, and its run ends at once',
    (name) => {
      const stream = Object.assign(new Counter().stream(), { [name]: () => [] });
      const service = traceService({ open: () => stream }, { name: 'streams', session: 's' });
      expect(service.open()).toBe(stream);
      expect(errors()).toEqual([undefined]);
    },
  );

  test('of the platform’s or a frozen one is handed on as it is, and its run ends at once', () => {
    const readable = new ReadableStream();
    const frozen = Object.freeze({ [Symbol.asyncIterator]: () => new Counter().stream() });
    const service = traceService({ readable: () => readable, frozen: () => frozen }, { name: 'streams', session: 's' });
    expect(service.readable()).toBe(readable);
    expect(service.readable().getReader()).toBeDefined();
    expect(service.frozen()).toBe(frozen);
    expect(tracing.capture.index.runs).toHaveLength(3);
    expect(tracing.diagnostics).toEqual([expect.stringContaining('a stream is frozen')]);
  });
});
