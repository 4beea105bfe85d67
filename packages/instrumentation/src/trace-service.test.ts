import '@turnkeeper/check/vitest';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { currentSession, withSession } from './session/active-session.ts';
import { attachSession, SessionContext, sessionContext } from './session/session-context.ts';
import { script, scriptedAdapter } from './testing/scripted.ts';
import { startTracing, type Tracing } from './testing/tracing.ts';
import { traceService } from './trace-service.ts';
import { TurnkeeperError } from './turnkeeper-error.ts';

let tracing: Tracing;
beforeEach(() => {
  tracing = startTracing();
});
afterEach(() => tracing[Symbol.dispose]());
const tree = (): string => tracing.capture.tree();
const errors = (): unknown[] => tracing.capture.spans.map(({ attributes }) => attributes['error.type']);
const work = (): void => tracing.tracer.startSpan('SELECT').end();

class Recommender {
  static readonly made: Recommender[] = [];
  readonly kind = 'recommender';
  #calls = 0;
  #name = 'first';

  static create(): Recommender {
    return new Recommender();
  }

  constructor() {
    Recommender.made.push(this);
  }

  get calls(): number {
    return this.#calls;
  }

  get name(): string {
    return this.#name;
  }

  set name(name: string) {
    this.#name = name;
  }

  recommend(user: string): string {
    this.#calls += 1;
    work();
    return `${this.#name} for ${user} in ${currentSession()?.id ?? 'nothing'}`;
  }

  async later(): Promise<string> {
    await Promise.resolve();
    return this.recommend('later');
  }

  twice(): string[] {
    return [this.recommend('a'), this.recommend('b')];
  }

  fail(): never {
    throw new RangeError('mine');
  }

  async failLater(): Promise<never> {
    await Promise.resolve();
    throw new RangeError('mine');
  }

  *[Symbol.iterator](): Iterator<number> {
    yield this.#calls;
  }
}

describe('a traced instance', () => {
  test('makes a run of each call, in the session attached to it', () => {
    const service = traceService(attachSession(new Recommender(), new SessionContext({ sessionId: 'batch-1' })), {
      name: 'recommender',
    });
    expect(service.recommend('u-1')).toBe('first for u-1 in batch-1');
    withSession('caller', () => expect(service.recommend('u-2')).toBe('first for u-2 in batch-1'));
    expect(tree()).toMatchInlineSnapshot(`
      "invoke_agent recommender.recommend [session batch-1] run.start
        SELECT
      invoke_agent recommender.recommend [session batch-1] run.start -> previous turn
        SELECT"
    `);
    expect(tracing.capture).toPassChecks();
  });

  test('is in its caller’s session where none is attached, and in none without', () => {
    const service = traceService(new Recommender(), { name: 'recommender' });
    expect(withSession('caller', () => service.recommend('u-1'))).toBe('first for u-1 in caller');
    expect(service.recommend('u-2')).toBe('first for u-2 in nothing');
    expect(tracing.capture.index.runs.map(({ session }) => session)).toEqual(['caller', undefined]);
  });

  test('is itself: private members, accessors, fields, iteration, what every object can do', () => {
    const service = traceService(new Recommender(), { name: 'recommender' });
    service.recommend('u-1');
    service.name = 'second';
    expect([service.calls, service.name, service.kind, [...service]]).toEqual([1, 'second', 'recommender', [1]]);
    expect(service.recommend('u-2')).toBe('second for u-2 in nothing');
    expect(service).toBeInstanceOf(Recommender);
    expect(service.constructor).toBe(Recommender);
    expect(Object.prototype.toString.call(service)).toBe('[object Object]');
    expect(service.propertyIsEnumerable('kind')).toBe(true);
    expect(service.hasOwnProperty('kind')).toBe(true);
    expect(service.recommend).toBe(service.recommend);
    expect(service.recommend.name).toBe('recommend');
    expect(tracing.capture.index.runs).toHaveLength(2);
    expect(tracing.diagnostics).toEqual([]);
  });

  test('does not trace its calls to itself, and one on another object is that object’s', () => {
    const service = traceService(new Recommender(), { name: 'recommender' });
    expect(service.twice()).toHaveLength(2);
    expect(tracing.capture.index.runs.map(({ root }) => root.name)).toEqual(['invoke_agent recommender.twice']);
    const other = new Recommender();
    service.recommend.call(other, 'u-1');
    expect(other.calls).toBe(1);
    const child: Recommender = Object.create(service);
    expect(() => child.recommend('u-1')).toThrow(TypeError);
  });

  test('runs until a promise settles', async () => {
    const service = traceService(new Recommender(), { name: 'recommender', session: 'conv-42' });
    const running = service.later();
    expect(tracing.capture.spans).toEqual([]);
    expect(await running).toBe('first for later in conv-42');
    expect(tree()).toMatchInlineSnapshot(`
      "invoke_agent recommender.later [session conv-42] run.start
        SELECT"
    `);
  });

  test('throws what it throws, and says so', async () => {
    const service = traceService(new Recommender(), { name: 'recommender', session: 'conv-42' });
    expect(() => service.fail()).toThrow(RangeError);
    await expect(service.failLater()).rejects.toThrow(RangeError);
    expect(errors()).toEqual(['RangeError', 'RangeError']);
    expect(tracing.capture).toPassChecks();
  });

  test('throws its own error, also one that lets nobody ask for its name', async () => {
    const secretive = Object.defineProperty(new Error('mine'), 'name', {
      get: () => {
        throw new TypeError('not yours');
      },
    });
    const fail = (): never => {
      throw secretive;
    };
    const service = traceService({ fail, failLater: async () => fail() }, { name: 'secretive', session: 's' });
    expect(service.fail).toThrow(secretive);
    await expect(service.failLater()).rejects.toBe(secretive);
    expect(errors()).toEqual(['error', 'error']);
  });

  test.each([undefined, '', 5, { a: 1 }])('ends as an error where the name of what it throws is %j', (name) => {
    const fail = (): never => {
      throw Object.assign(new Error('mine'), { name });
    };
    expect(traceService(fail, { name: 'nameless', session: 's' })).toThrow();
    expect(errors()).toEqual(['error']);
  });

  test('that gives itself gives what is traced, so that the next call is too', async () => {
    class Builder {
      readonly steps: string[] = [];

      add(step: string): this {
        this.steps.push(step);
        return this;
      }

      async save(): Promise<this> {
        return this;
      }

      async *[Symbol.asyncIterator](): AsyncGenerator<string> {
        yield* this.steps;
      }
    }
    const service = traceService(new Builder(), { name: 'builder', session: 's', content: 'all' });
    expect(service.add('a').add('b')).toBe(service);
    expect(await service.save()).toBe(service);
    expect(service.steps).toEqual(['a', 'b']);
    expect(tracing.capture.spans.map(({ name }) => name)).toEqual([
      'invoke_agent builder.add',
      'invoke_agent builder.add',
      'invoke_agent builder.save',
    ]);
    expect(errors()).toEqual([undefined, undefined, undefined]);
  });

  test('is known by the name that it was called by, where it has several', () => {
    const ask = (): string => 'asked';
    const service = traceService({ ask, query: ask }, { name: 'client', session: 's' });
    expect([service.ask(), service.query()]).toEqual(['asked', 'asked']);
    expect(service.query).toBe(service.query);
    expect(tracing.capture.spans.map(({ name }) => name)).toEqual([
      'invoke_agent client.ask',
      'invoke_agent client.query',
    ]);
  });

  test('takes a session by its proxy, also where it is frozen', () => {
    const service = traceService(Object.freeze(new Recommender()), { name: 'recommender' });
    attachSession(service, new SessionContext({ sessionId: 'batch-1' }));
    expect(service.recommend('u-1')).toBe('first for u-1 in batch-1');
  });

  test('cannot trace what can never change, leaves it as it is, and says so', () => {
    const ask = (): string => 'asked';
    const service = traceService(Object.freeze({ ask }), { name: 'frozen' });
    expect(service.ask).toBe(ask);
    expect(service.ask()).toBe('asked');
    expect(tracing.capture.spans).toEqual([]);
    expect(tracing.diagnostics).toEqual([expect.stringContaining('methods of a frozen object are not traced')]);
  });
});

describe('what a service does itself', () => {
  test('is traced as it is elsewhere: an engine’s turn, and another service in a session of its own', () => {
    const { say, tap } = script({}, scriptedAdapter('engine'));
    const prompt = (run: string): void =>
      tap.run(run, [], () =>
        say(
          { type: 'run.start', run, agent: 'guide' },
          { type: 'model.start', run, call: 'm', model: 'test-model' },
          { type: 'model.end', run, call: 'm', outcome: { kind: 'ok' } },
          { type: 'run.end', run, outcome: { kind: 'ok' } },
        ),
      );
    const store = attachSession({ read: work }, new SessionContext({ sessionId: 'batch-1' }));
    const inner = traceService(store, { name: 'store' });
    const ask = traceService(
      () => {
        prompt('r');
        inner.read();
      },
      { name: 'svc' },
    );
    withSession('conv-42', ask);
    expect(tree()).toMatchInlineSnapshot(`
      "invoke_agent svc [session conv-42] run.start
        invoke_agent guide run.start
          chat test-model
        invoke_agent store.read [session batch-1, inside conv-42] run.start
          SELECT"
    `);
    expect(tracing.capture).toPassChecks();
  });

  test('is traced inside an engine’s turn too', () => {
    const { say, tap } = script({}, scriptedAdapter('engine'));
    const read = traceService(work, { name: 'store' });
    tap.run('r', [], () => {
      say({ type: 'run.start', run: 'r', agent: 'guide', session: 'own-1' });
      read();
      say({ type: 'run.end', run: 'r', outcome: { kind: 'ok' } });
    });
    expect(tree()).toMatchInlineSnapshot(`
      "invoke_agent guide [session own-1] run.start
        invoke_agent store run.start
          SELECT"
    `);
  });
});

describe('a traced class', () => {
  test('makes instances whose calls are runs, in the session of the class or the nearest to it', () => {
    class Shop extends Recommender {
      static [sessionContext] = new SessionContext({ sessionId: 'shop-1' });
    }
    const Traced = traceService(Shop, { name: 'shop' });
    const instance = new Traced();
    expect(instance).toBeInstanceOf(Traced);
    expect(instance).toBeInstanceOf(Shop);
    expect(instance.recommend('u-1')).toBe('first for u-1 in shop-1');
    attachSession(instance, new SessionContext({ sessionId: 'mine' }));
    expect(instance.recommend('u-2')).toBe('first for u-2 in mine');
    expect(Traced.create().recommend('u-3')).toBe('first for u-3 in nothing');
    expect(tracing.capture.index.runs.map(({ root }) => root.name)).toEqual([
      'invoke_agent shop.recommend',
      'invoke_agent shop.recommend',
      'invoke_agent shop.create',
    ]);
  });

  test('has methods of its own under the names that every function has', () => {
    class Greeter {
      static readonly #word = 'hello';

      static call(name: string): string {
        return `${this.#word} ${name}`;
      }

      static toString(): string {
        return this.#word;
      }

      static [Symbol.hasInstance](value: unknown): boolean {
        return Array.isArray(value) && value.includes(this.#word);
      }
    }
    const Traced = traceService(Greeter, { name: 'greeter' });
    expect([Traced.call('you'), String(Traced), ['hello'] instanceof Traced]).toEqual(['hello you', 'hello', true]);
    expect(tracing.capture.spans.map(({ name }) => name)).toEqual(['invoke_agent greeter.call']);
  });

  test('can be extended: private members and `new.target` work', () => {
    const seen: unknown[] = [];
    class Base {
      constructor() {
        seen.push(new.target);
      }
    }
    const Traced = traceService(Base, { name: 'base' });
    class Leaf extends Traced {
      #secret = 7;
      tell(): number {
        return this.#secret;
      }
    }
    expect(new Leaf().tell()).toBe(7);
    expect(new Traced()).toBeInstanceOf(Base);
    expect(seen).toEqual([Leaf, Base]);
  });

  test('keeps a class among its members constructible', () => {
    const seen: unknown[] = [];
    class Client {
      readonly id = 7;

      constructor() {
        seen.push(new.target);
      }
    }
    const service = traceService({ Client }, { name: 'library' });
    class Leaf extends service.Client {}
    expect([new service.Client().id, new Leaf().id]).toEqual([7, 7]);
    expect(seen).toEqual([Client, Leaf]);
  });
});

describe('a traced function', () => {
  test('makes a run of each call, with its `this` and its members', async () => {
    const answer = Object.assign(
      async function answerIt(this: unknown, question: string): Promise<unknown> {
        work();
        return [this, question, currentSession()?.id];
      },
      { version: 2 },
    );
    const traced = traceService(attachSession(answer, new SessionContext({ sessionId: 'fn-1' })), { name: 'answer' });
    const self = {};
    expect(await traced.call(self, 'why')).toEqual([self, 'why', 'fn-1']);
    expect([traced.version, traced.length, traced.name]).toEqual([2, 1, 'answerIt']);
    expect(tree()).toMatchInlineSnapshot(`
      "invoke_agent answer [session fn-1] run.start
        SELECT"
    `);
  });

  test('tells content only where that is asked for', () => {
    const add = (a: number, b: number): number => a + b;
    traceService(add, { name: 'silent', session: 's' })(1, 2);
    traceService(add, { name: 'telling', session: 's', content: 'all' })(1, 2);
    expect(
      tracing.capture.spans.map(({ attributes }) => [
        attributes['gen_ai.input.messages'],
        attributes['gen_ai.output.messages'],
      ]),
    ).toEqual([
      [undefined, undefined],
      ['[1,2]', '3'],
    ]);
  });
});

test.each([
  [{}, {}, 'absent'],
  [{}, { name: '' }, 'absent'],
  [{}, { name: 'x'.repeat(129) }, 'longer than 128'],
  [{}, undefined, 'absent'],
  [null, { name: 'service' }, 'nothing that could be called'],
  ['text', { name: 'service' }, 'nothing that could be called'],
])('traceService(%j, %j) says what is wrong', (target, options, problem) => {
  const call = (): unknown => Reflect.apply(traceService, undefined, [target, options]);
  expect(call).toThrow(TurnkeeperError);
  expect(call).toThrow(problem);
});
