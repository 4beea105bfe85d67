import '@turnkeeper/check/vitest';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { collectGarbage } from '../testing/garbage.ts';
import { script, scriptedAdapter, type Scripted } from '../testing/scripted.ts';
import { startTracing, type Tracing } from '../testing/tracing.ts';
import { observe } from '../observe.ts';
import { TurnkeeperError } from '../turnkeeper-error.ts';
import { withSession } from './active-session.ts';
import { attachedSession, attachSession, SessionContext, sessionContext } from './session-context.ts';

/** As a program without types might pass it. */
const contextOf = (options: unknown): SessionContext => Reflect.construct(SessionContext, [options]);
const attach = (target: unknown, context: unknown): unknown =>
  Reflect.apply(attachSession, undefined, [target, context]);
const find = (target: object): string | undefined => attachedSession([target], () => {})?.sessionId;
const one = new SessionContext({ sessionId: 'one' });
const two = new SessionContext({ sessionId: 'two' });

describe('a SessionContext', () => {
  test.each([
    [undefined, 'missing or blank'],
    [null, 'missing or blank'],
    ['conv-42', 'missing or blank'],
    [{}, 'missing or blank'],
    [{ sessionId: '' }, 'missing or blank'],
    [{ sessionId: ' \t' }, 'missing or blank'],
    [{ sessionId: 42 }, 'sessionId: it is of type number, not a string'],
    [{ sessionId: {} }, 'sessionId: it is of type object'],
    [{ sessionId: 'x'.repeat(129) }, 'sessionId: it is longer than 128'],
    [{ sessionId: 'a\u0000' }, 'cannot be printed'],
    [{ sessionId: ' a' }, 'white space'],
    [{ sessionId: 'a', applicationName: '' }, 'applicationName: it is blank'],
    [{ sessionId: 'a', applicationName: 7 }, 'applicationName: it is of type number'],
    [{ sessionId: 'a', applicationName: 'x'.repeat(129) }, 'applicationName: it is longer than 128'],
    [{ sessionId: 'a', applicationName: 'a\nb' }, 'applicationName: it contains characters'],
    [{ sessionId: 'a', previousId: '  ' }, 'previousId: it is blank'],
    [{ sessionId: 'a', userId: 7 }, 'userId: it is of type number'],
    [{ sessionId: 'a', attributes: 'tenant' }, 'attributes: it is of type string'],
    [{ sessionId: 'a', attributes: { list: [1] } }, 'attributes["list"]: it is of type object'],
    [{ sessionId: 'a', attributes: { long: 'x'.repeat(257) } }, 'attributes["long"]: it is longer than 256'],
    [{ sessionId: 'a', attributes: { '': 1 } }, 'its name is not one'],
    [{ sessionId: 'a', attributes: { ['x'.repeat(257)]: 1 } }, 'its name is not one'],
    [
      { sessionId: 'a', attributes: Object.fromEntries(Array.from({ length: 17 }, (_, index) => [`k${index}`, 1])) },
      'only the first 16',
    ],
  ])('cannot be made of %j', (options, problem) => {
    expect(() => contextOf(options)).toThrow(TurnkeeperError);
    expect(() => contextOf(options)).toThrow(problem);
    expect(() => contextOf(options)).toThrow(expect.objectContaining({ code: 'invalid-session-context' }));
  });

  test('has what it was made of, and no member for what it was not', () => {
    const options = {
      sessionId: '👩‍👩‍👧',
      applicationName: 'x'.repeat(128),
      previousId: 'before',
      userId: 'u-7',
      attributes: { tenant: 't-1', paying: true, plan: 2, ['x'.repeat(256)]: 'x'.repeat(256) },
    };
    expect(Object.fromEntries(Object.entries(new SessionContext(options)))).toEqual(options);
    expect(Object.keys(one)).toEqual(['sessionId']);
  });

  test('never changes', () => {
    const attributes = { tenant: 't-1' };
    const context = new SessionContext({ sessionId: 'a', attributes });
    attributes.tenant = 't-2';
    expect(context.attributes).toEqual({ tenant: 't-1' });
    for (const change of [
      () => Object.assign(context, { sessionId: 'b' }),
      () => Object.assign(context, { userId: 'b' }),
      () => Object.assign(context.attributes ?? {}, { tenant: 'b' }),
    ]) {
      expect(change).toThrow(TypeError);
    }
  });

  test('may be of a subclass with fields of its own; the session’s stay as they are', () => {
    class Tenant extends SessionContext {
      readonly tenant = 't-1';
      visits = 0;
    }
    const context = new Tenant({ sessionId: 'a', userId: 'u-7' });
    context.visits += 1;
    expect(find(attachSession({}, context))).toBe('a');
    const fields = { sessionId: 'a', userId: 'u-7', tenant: 't-1', visits: 1 };
    expect(Object.fromEntries(Object.entries(context))).toEqual(fields);
    for (const name of ['sessionId', 'userId', 'previousId', 'applicationName', 'attributes']) {
      expect(() => Object.assign(context, { [name]: 'b' })).toThrow(TypeError);
      expect(() => Object.defineProperty(context, name, { value: 'b' })).toThrow(TypeError);
    }
  });
});

describe('an attached session', () => {
  test('is that of an instance, a class or a function, and of nothing else', () => {
    class Service {}
    const work = (): void => {};
    const instance = new Service();
    expect(find(instance)).toBeUndefined();
    expect(attachSession(instance, one)).toBe(instance);
    expect(find(instance)).toBe('one');
    expect(find(new Service())).toBeUndefined();
    attachSession(Service, two);
    attachSession(work, two);
    expect([find(Service), find(work), find(new Service()), find(instance)]).toEqual(['two', 'two', 'two', 'one']);
    expect([find({}), find(() => {}), find(class {})]).toEqual([undefined, undefined, undefined]);
  });

  test('is inherited by subclasses and their instances; the nearest wins', () => {
    class Base {}
    class Middle extends Base {}
    class Leaf extends Middle {}
    attachSession(Base, one);
    expect([Leaf, new Leaf(), Middle, new Middle()].map(find)).toEqual(['one', 'one', 'one', 'one']);
    attachSession(Middle, two);
    expect([Leaf, new Leaf(), Middle, Base, new Base()].map(find)).toEqual(['two', 'two', 'two', 'one', 'one']);
    attachSession(Leaf.prototype, one);
    expect([new Leaf(), Leaf].map(find)).toEqual(['one', 'two']);
  });

  test('is declared by a member just as well, static, own, or a getter that looks at its instance', () => {
    class Declared {
      static [sessionContext] = one;
    }
    class Own extends Declared {
      [sessionContext] = two;
    }
    class Asked {
      readonly context: SessionContext;
      constructor(context: SessionContext) {
        this.context = context;
      }
      get [sessionContext](): SessionContext {
        return this.context;
      }
    }
    expect([Declared, new Declared(), Own, new Own()].map(find)).toEqual(['one', 'one', 'one', 'two']);
    expect([new Asked(one), new Asked(two)].map(find)).toEqual(['one', 'two']);
    expect(find({ [sessionContext]: one })).toBe('one');
    expect(find(Object.create({ [sessionContext]: one }))).toBe('one');
  });

  test('is found on what is frozen, sealed or a proxy', () => {
    const frozen = Object.freeze({});
    const sealed = Object.seal(class {});
    const proxy = new Proxy({}, {});
    const forbidding = new Proxy({}, { defineProperty: () => false });
    const throwing = new Proxy(
      {},
      {
        defineProperty: () => {
          throw new Error('no');
        },
      },
    );
    for (const target of [frozen, sealed, proxy, forbidding, throwing]) {
      attachSession(target, one);
      expect(find(target)).toBe('one');
      attachSession(target, two);
      expect(find(target)).toBe('two');
    }
    expect(find(new sealed())).toBe('two');
  });

  test('can be replaced on an object that was frozen since', () => {
    const target = Object.freeze(attachSession({}, one));
    attachSession(target, two);
    expect(find(target)).toBe('two');
  });

  test('is found across copies of this package', async () => {
    vi.resetModules();
    const copy = await import('./session-context.ts');
    expect(copy.SessionContext).not.toBe(SessionContext);
    const frozen = copy.attachSession(Object.freeze({}), new copy.SessionContext({ sessionId: 'theirs' }));
    const open = copy.attachSession({}, one);
    expect([find(frozen), find(open)]).toEqual(['theirs', 'one']);
  });

  test('leaves the object as it looks, and costs it nothing when it is gone', async () => {
    const plain = attachSession({ mine: 1 }, one);
    expect([Object.keys(plain), JSON.stringify(plain)]).toEqual([['mine'], '{"mine":1}']);
    const abandon = (target: object): WeakRef<object> => new WeakRef(attachSession(target, one));
    const gone = ((): WeakRef<object>[] => [abandon({}), abandon(Object.freeze({}))])();
    await expect.poll(() => (collectGarbage(), gone.every((target) => target.deref() === undefined))).toBe(true);
  });

  test.each([undefined, null, 7, 'text'])('cannot be attached to %j', (target) => {
    expect(() => attach(target, one)).toThrow(expect.objectContaining({ code: 'not-attachable' }));
  });

  test.each([undefined, null, 'conv-42', {}, { sessionId: 'conv-42' }])('cannot be %j', (context) => {
    expect(() => attach({}, context)).toThrow(expect.objectContaining({ code: 'not-attachable' }));
  });
});

describe('a run', () => {
  let tracing: Tracing;
  beforeEach(() => {
    tracing = startTracing();
  });
  afterEach(() => tracing[Symbol.dispose]());

  const run = (owners: readonly object[], target: Scripted = {}): void => {
    observe(scriptedAdapter(), target);
    const { tap } = target;
    tap?.run('r', owners, () =>
      tap.deliver({
        events: [
          { type: 'run.start', run: 'r', session: 'own-1' },
          { type: 'run.end', run: 'r', outcome: { kind: 'ok' } },
        ],
      }),
    );
  };
  const root = (): Readonly<Record<string, unknown>> | undefined => tracing.capture.index.runs.at(-1)?.root.attributes;

  test('has the session attached to an owner, the nearest first, or to what is observed', () => {
    run([{}, attachSession({}, one), attachSession({}, two)]);
    expect(root()).toMatchObject({ 'session.id': 'one', 'turnkeeper.session.source': 'attached' });
    run([{}], attachSession({}, two));
    expect(root()).toMatchObject({ 'session.id': 'two', 'turnkeeper.engine.session.id': 'own-1' });
  });

  test('has it before that of the caller and after that of an option', () => {
    withSession('around', () => run([attachSession({}, one)]));
    expect(root()).toMatchObject({ 'session.id': 'one' });
    const { tap, say } = script({ session: 'option' });
    tap.run('r', [attachSession({}, one)], () => {
      say({ type: 'run.start', run: 'r' }, { type: 'run.end', run: 'r', outcome: { kind: 'ok' } });
    });
    expect(root()).toMatchObject({ 'session.id': 'option', 'turnkeeper.session.source': 'explicit' });
  });

  test('carries what else the context says', () => {
    const context = new SessionContext({
      sessionId: 'one',
      applicationName: 'shop',
      previousId: 'zero',
      userId: 'u-7',
      attributes: { 'tenant.id': 't-1' },
    });
    run([attachSession({}, context)]);
    expect(root()).toMatchObject({
      'turnkeeper.session.application': 'shop',
      'session.previous_id': 'zero',
      'user.id': 'u-7',
      'tenant.id': 't-1',
    });
  });

  test.each([
    ['conv-42', 'string'],
    [{ sessionId: 'conv-42' }, 'object'],
    [null, 'object'],
    [() => {}, 'function'],
  ])('ignores a value of another type (%j) with one warning, and looks further', (value, type) => {
    class Service {
      static [sessionContext] = one;
    }
    for (const _turn of [1, 2]) run([Object.assign(new Service(), { [sessionContext]: value })]);
    expect(root()).toMatchObject({ 'session.id': 'one' });
    expect(tracing.diagnostics).toEqual([
      `turnkeeper: scripted: the attached session id is ignored: it holds a value of type ${type}, not a SessionContext`,
    ]);
  });

  test.each(['explicit', 'attached'] as const)('of the same id as the one around it is %s all the same', (source) => {
    const { tap, say, observation } = script(source === 'explicit' ? { session: 'one' } : {});
    withSession('one', () =>
      tap.run('r', source === 'attached' ? [attachSession({}, one)] : [], () =>
        say({ type: 'run.start', run: 'r' }, { type: 'run.end', run: 'r', outcome: { kind: 'ok' } }),
      ),
    );
    expect(observation.runs()).toMatchObject([{ session: { id: 'one', source } }]);
  });

  test('of the same id as the one around it keeps what was said there, but what it says itself', () => {
    const { tap, say } = script({ session: { sessionId: 'one', userId: 'u-8' } });
    const bound = { sessionId: 'one', userId: 'u-7', previousId: 'zero', attributes: { 'tenant.id': 't-1' } };
    for (const around of [bound, { ...bound, sessionId: 'two' }]) {
      withSession(around, () =>
        tap.run('r', [], () =>
          say({ type: 'run.start', run: 'r' }, { type: 'run.end', run: 'r', outcome: { kind: 'ok' } }),
        ),
      );
    }
    const said = tracing.capture.spans.map(({ attributes }) =>
      ['session.id', 'user.id', 'session.previous_id', 'tenant.id'].map((name) => attributes[name]),
    );
    expect(said).toEqual([
      ['one', 'u-8', 'zero', 't-1'],
      ['one', 'u-8', undefined, undefined],
    ]);
  });

  test('does not mind an owner that cannot be read, or whose member throws', () => {
    const { proxy, revoke } = Proxy.revocable({}, {});
    revoke();
    const throwing = {
      get [sessionContext](): never {
        throw new Error('mine');
      },
    };
    run([proxy, throwing, attachSession({}, one)]);
    expect(root()).toMatchObject({ 'session.id': 'one' });
    expect(tracing.diagnostics).toEqual([expect.stringContaining('cannot be read')]);
  });
});
