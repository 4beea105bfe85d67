import { promisify } from 'node:util';
import { diag, DiagLogLevel, type DiagLogger } from '@opentelemetry/api';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { afterSettled, listenToMethod, methodWrapper, wrapMethod, type Failure } from './wrap-method.ts';

const diagnostics: unknown[] = [];
beforeEach(() => {
  const silent = (): void => {};
  const error = (...words: unknown[]): void => void diagnostics.push(words);
  const logger: DiagLogger = { error, warn: silent, info: silent, debug: silent, verbose: silent };
  diag.setLogger(logger, { logLevel: DiagLogLevel.ERROR, suppressOverrideMessage: true });
});
afterEach(() => {
  diag.disable();
  diagnostics.length = 0;
});

const mine = new Error('mine');

class Adder {
  calls = 0;
  readonly #base: number;

  constructor(base: number) {
    this.#base = base;
  }

  add(one: number, other: number): number {
    this.calls += 1;
    if (Number.isNaN(one)) throw mine;
    return this.#base + one + other;
  }
}

/** As of an SDK: what is derived from it has none of its members. */
class Request extends Promise<number> {
  static override get [Symbol.species](): PromiseConstructor {
    return Promise;
  }

  cancel(): string {
    return 'cancelled';
  }
}

/** As those of OpenAI: settled from the beginning, it reads its value when it is asked for. */
class Answer extends Request {
  readonly #read: () => number;

  constructor(read: () => number) {
    super((done) => done(0));
    this.#read = read;
  }

  // oxlint-disable-next-line unicorn/no-thenable
  override then<A, B>(
    done?: ((value: number) => A | PromiseLike<A>) | null,
    fail?: ((reason: unknown) => B | PromiseLike<B>) | null,
  ): Promise<A | B> {
    return Promise.resolve(this.#read()).then<A, B>(done, fail);
  }
}

/** Ways to be at a method that fail of their own accord. */
const failing = (..._given: unknown[]): never => {
  throw new Error('a bug of ours');
};

describe.each([
  ['stood around', (object: object) => wrapMethod(object, 'add', (proceed, args) => proceed(...args))],
  ['listened to', (object: object) => listenToMethod(object, 'add', () => {})],
  ['stood around by its class', methodWrapper('add', (proceed, args) => proceed(...args))],
  ['stood around by what fails before', (object: object) => wrapMethod(object, 'add', failing)],
  [
    'stood around by what fails after',
    (object: object) => wrapMethod(object, 'add', (proceed, args) => failing(proceed(...args))),
  ],
  ['listened to by what fails', (object: object) => listenToMethod(object, 'add', failing)],
])('a method %s', (_how, place) => {
  test('does what it did, once, for whom it is called, and looks the same', () => {
    const adder = new Adder(10);
    const undo = place(adder);
    expect(adder.add(1, 2)).toBe(13);
    expect(adder.calls).toBe(1);
    expect(() => adder.add(NaN, 2)).toThrow(mine);
    expect(adder.calls).toBe(2);
    expect([adder.add.name, adder.add.length]).toEqual(['add', 2]);
    expect(Object.keys(adder)).toEqual(['calls']);
    undo?.();
    expect(Object.getOwnPropertyNames(adder)).toEqual(['calls']);
  });

  test('has all that others keep on it, and takes what they write', () => {
    const add = async (): Promise<number> => 1;
    const object = {
      add: Object.assign((one: number): number => one, { path: '/add', calls: 0, [promisify.custom]: add }),
    };
    Object.defineProperty(object.add, 'seen', { get: () => original.calls });
    const { add: original } = object;
    const before = Object.getOwnPropertyDescriptors(original);
    const undo = place(object);
    expect(object.add).not.toBe(original);
    expect(Object.getOwnPropertyDescriptors(object.add)).toEqual(before);
    object.add.calls = 1;
    Reflect.set(original, 'later', 2);
    expect([original.calls, Reflect.get(object.add, 'seen'), Reflect.get(object.add, 'later')]).toEqual([1, 1, 2]);
    undo?.();
    expect(object.add).toBe(original);
  });

  test('that makes something with `new` does so as before', () => {
    const made: unknown[] = [];
    const object = {
      add: class {
        constructor() {
          made.push(new.target.prototype);
        }
      },
    };
    const { add: original } = object;
    place(object);
    expect(new object.add()).toBeInstanceOf(original);
    expect(made).toEqual([original.prototype]);
  });

  test('of a class is for all its objects, until it is undone', () => {
    const before = Object.getOwnPropertyDescriptor(Adder.prototype, 'add');
    const undo = place(Adder.prototype);
    expect(Object.getOwnPropertyDescriptor(Adder.prototype, 'add')).not.toEqual(before);
    expect([new Adder(10).add(1, 2), new Adder(20).add(1, 2)]).toEqual([13, 23]);
    undo?.();
    expect(Object.getOwnPropertyDescriptor(Adder.prototype, 'add')).toEqual(before);
  });

  test('that somebody else has replaced since stays theirs', () => {
    const adder = new Adder(10);
    const undo = place(adder);
    const theirs = (): number => 0;
    adder.add = theirs;
    undo?.();
    expect(adder.add).toBe(theirs);
  });

  test('that is not there, or cannot be replaced, stays as it is', () => {
    const none = {};
    const frozen = Object.freeze({ add: () => 1 });
    const { add } = frozen;
    expect([place(none), place(frozen)]).toEqual([undefined, undefined]);
    expect([Reflect.ownKeys(none), frozen.add]).toEqual([[], add]);
  });
});

describe('who listens to a method', () => {
  test('hears its arguments before it works, of every call', () => {
    const heard: unknown[] = [];
    const adder = new Adder(10);
    listenToMethod(adder, 'add', (args) => heard.push([...args, adder.calls]));
    adder.add(1, 2);
    adder.add(3, 4);
    expect(heard).toEqual([
      [1, 2, 0],
      [3, 4, 1],
    ]);
  });

  test('and fails is named in the diagnostic log', () => {
    const adder = new Adder(10);
    listenToMethod(adder, 'add', failing);
    adder.add(1, 2);
    expect(diagnostics).toEqual([[expect.stringContaining('a hook failed'), new Error('a bug of ours')]]);
  });
});

describe('who stands around a method', () => {
  test('decides what it is given and what it gives, and knows whose it is', () => {
    const adder = new Adder(10);
    wrapMethod(adder, 'add', (proceed, [one], self) => [proceed(one, 0), self === adder]);
    expect(adder.add(1, 2)).toEqual([11, true]);
  });

  test('of a class calls what the class has by then, as where somebody mocks it', () => {
    const [around, heard] = [new Adder(10), new Adder(20)];
    wrapMethod(around, 'add', (proceed, args) => proceed(...args));
    listenToMethod(heard, 'add', () => {});
    const mock = vi.spyOn(Adder.prototype, 'add').mockReturnValue(0);
    expect([around.add(1, 2), heard.add(1, 2)]).toEqual([0, 0]);
    expect(mock.mock.contexts).toEqual([around, heard]);
    mock.mockRestore();
    expect([around.add(1, 2), heard.add(1, 2)]).toEqual([13, 23]);
  });

  test('of a class does not go round where the class gets what calls an object’s', async () => {
    class Asker {
      ask(): Promise<number> {
        return Promise.resolve(1);
      }
    }
    const asker = new Asker();
    let calls = 0;
    wrapMethod(asker, 'ask', (proceed, args) => ((calls += 1), proceed(...args)));
    const { ask } = asker;
    Asker.prototype.ask = async function (this: Asker) {
      await Promise.resolve();
      return (await ask.call(this)) + 1;
    };
    await expect(asker.ask()).resolves.toBe(2);
    expect(calls).toBe(2);
  });

  test('of a proxy calls what the proxy makes up, which is inherited from nowhere', () => {
    /** A client of something remote: its methods are whatever is asked for, unless somebody has set them. */
    const remote = (): Record<'add', () => string> =>
      new Proxy(Object.create(null), {
        get: (set, name) => Reflect.get(set, name) ?? (() => `remote ${String(name)}`),
      });
    const [around, heard, alike] = [remote(), remote(), remote()];
    const undo = [
      wrapMethod(around, 'add', (proceed, args) => [proceed(...args)]),
      listenToMethod(heard, 'add', () => {}),
      methodWrapper('add', (proceed, args) => [proceed(...args)])(alike),
    ];
    expect([around.add(), heard.add(), alike.add()]).toEqual([['remote add'], 'remote add', ['remote add']]);
    for (const step of undo) step?.();
    expect([around.add(), heard.add(), alike.add()]).toEqual(['remote add', 'remote add', 'remote add']);
  });

  test('asks a getter for it once, where it is placed', () => {
    let asked = 0;
    class Lazy {
      get add(): () => number {
        asked += 1;
        return () => 1;
      }
    }
    wrapMethod(new Lazy(), 'add', (proceed, args) => proceed(...args));
    expect(asked).toBe(1);
  });

  test('by a class is one function for all objects of it', () => {
    const wrap = methodWrapper('add', (proceed, args) => proceed(...args));
    const [one, other] = [new Adder(1), new Adder(2)];
    wrap(one);
    wrap(other);
    expect(one.add).toBe(other.add);
    expect([one.add(0, 0), other.add(0, 0)]).toEqual([1, 2]);
  });
});

describe('what is done after a result', () => {
  test('is done at once where it is no promise, and when it has settled where it is one', async () => {
    const seen: unknown[] = [];
    const see = (value: unknown, failure?: Failure): void => void seen.push(failure ?? value);
    expect(afterSettled(1, see)).toBe(1);
    expect(seen).toEqual([1]);
    await expect(afterSettled(Promise.resolve(2), see)).resolves.toBe(2);
    await expect(afterSettled(Promise.reject(mine), see)).rejects.toBe(mine);
    expect(seen).toEqual([1, 2, { error: mine }]);
  });

  test('is told of a promise that has more than a plain one by the side of it, and the caller gets that very one', async () => {
    const seen: unknown[] = [];
    const see = (value: unknown, failure?: Failure): void => void seen.push(failure ?? value);
    for (const make of [
      (work: Promise<number>) => new Request((done) => done(work)),
      (work: Promise<number>) => Object.assign(work, { cancel: () => 'cancelled' }),
    ]) {
      const [good, bad] = [make(Promise.resolve(1)), make(Promise.reject(mine))];
      expect(afterSettled(good, see)).toBe(good);
      expect(afterSettled(bad, see)).toBe(bad);
      expect(good.cancel()).toBe('cancelled');
      expect(await good).toBe(1);
      await expect(bad).rejects.toBe(mine);
    }
    expect(seen).toEqual([1, 2].flatMap(() => [1, { error: mine }]));
  });

  test('is done at once for a promise that reads its value when it is asked, and leaves that to the caller', async () => {
    let read = 0;
    const answer = new Answer(() => (read += 1));
    const seen: unknown[] = [];
    expect(afterSettled(answer, (value) => seen.push(value))).toBe(answer);
    await Promise.resolve();
    expect([seen, read]).toEqual([[answer], 0]);
    expect(await answer).toBe(1);
  });

  test('is done at once for a thenable that is no promise, which is not asked for its value', async () => {
    let asked = 0;
    const query = {
      where: () => query,
      // oxlint-disable-next-line unicorn/no-thenable
      then: (give: (value: number) => void): void => give((asked += 1)),
    };
    const seen: unknown[] = [];
    expect(afterSettled(query, (value) => seen.push(value))).toBe(query);
    expect([seen, asked]).toEqual([[query], 0]);
    expect(await query.where()).toBe(1);
  });

  test('is done at once for what lets nobody look whether it is a promise', () => {
    const secretive = new Proxy({}, { has: failing, get: failing });
    expect(afterSettled(secretive, () => {})).toBe(secretive);
  });
});
