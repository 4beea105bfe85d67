import { context, ROOT_CONTEXT } from '@opentelemetry/api';
import type { Logger } from '@opentelemetry/api-logs';
import {
  InMemoryLogRecordExporter,
  LoggerProvider,
  type LogRecordProcessor,
  type ReadableLogRecord,
} from '@opentelemetry/sdk-logs';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { withSession } from '../session/active-session.ts';
import { script } from '../testing/scripted.ts';
import { startTracing, type Tracing } from '../testing/tracing.ts';
import { SessionLogProcessor } from './session-log-processor.ts';

const ok = { kind: 'ok' } as const;
let tracing: Tracing;
beforeEach(() => {
  tracing = startTracing();
});
afterEach(() => tracing[Symbol.dispose]());

interface Logs {
  readonly logger: Logger;
  readonly provider: LoggerProvider;
  readonly processor: SessionLogProcessor;
  /** Each record's body with its session, in the order in which they came out. */
  readonly said: () => string[];
  readonly records: readonly ReadableLogRecord[];
}

/** The real logs SDK; our processor around the one that exports, or beside it. */
function startLogs(isAround = true): Logs {
  const records: ReadableLogRecord[] = [];
  const done = (): Promise<void> => Promise.resolve();
  const exporting: LogRecordProcessor = {
    onEmit: (record) => void records.push(record),
    forceFlush: done,
    shutdown: done,
  };
  const processor = new SessionLogProcessor(isAround ? exporting : undefined);
  const provider = new LoggerProvider({ processors: isAround ? [processor] : [processor, exporting] });
  return {
    provider,
    processor,
    records,
    logger: provider.getLogger('test'),
    said: () =>
      records.map(({ body, attributes }) => `${body as string} ${(attributes['session.id'] ?? '-') as string}`),
  };
}

describe.each([true, false])('a log record (around the processor that exports: %s)', (isAround) => {
  test('inside withSession or a run carries the session, and what else belongs to it', () => {
    const { logger, records, said } = startLogs(isAround);
    logger.emit({ body: 'outside' });
    withSession({ sessionId: 'conv-42', userId: 'u-7', attributes: { 'tenant.id': 't-1' } }, () => {
      logger.emit({ body: 'inside', attributes: { mine: 1 } });
      logger.emit({ body: 'elsewhere', context: ROOT_CONTEXT });
    });
    const { tap, say } = script({ session: 'conv-43' });
    tap.run('r', [], () => {
      say({ type: 'run.start', run: 'r' });
      logger.emit({ body: 'run' });
      say({ type: 'run.end', run: 'r', outcome: ok });
    });
    expect(said()).toEqual(['outside -', 'inside conv-42', 'elsewhere -', 'run conv-43']);
    expect(records[1]?.attributes).toEqual({
      mine: 1,
      'session.id': 'conv-42',
      'user.id': 'u-7',
      'tenant.id': 't-1',
    });
  });

  test('carries an id that is known while that of the session around it is still to come', () => {
    const { logger, records } = startLogs(isAround);
    const { tap, say } = script();
    tap.run('r', [], () => {
      say({ type: 'run.start', run: 'r' });
      withSession('sub-1', () => logger.emit({ body: 'inside' }));
      say({ type: 'session.bind', run: 'r', id: 'late-1' }, { type: 'run.end', run: 'r', outcome: ok });
    });
    const parent = isAround && { 'turnkeeper.session.parent_id': 'late-1' };
    expect(records.map(({ attributes }) => attributes)).toEqual([{ 'session.id': 'sub-1', ...parent }]);
  });

  test('keeps what it carries itself', () => {
    const { logger, said } = startLogs(isAround);
    withSession('conv-42', () => logger.emit({ body: 'mine', attributes: { 'session.id': 'mine' } }));
    expect(said()).toEqual(['mine mine']);
  });
});

describe('a log record of a session whose id is still to come', () => {
  test('leaves with it, in order, with its own time, though the SDK has closed it by then', () => {
    const { logger, said, records } = startLogs();
    const { tap, say } = script();
    tap.run('r', [], () => {
      say({ type: 'run.start', run: 'r' });
      for (const body of ['one', 'two']) logger.emit({ body, timestamp: [1, 2], attributes: { mine: body } });
      expect(said()).toEqual([]);
      say({ type: 'session.bind', run: 'r', id: 'late-1' });
      expect(said()).toEqual(['one late-1', 'two late-1']);
      logger.emit({ body: 'three' });
      say({ type: 'run.end', run: 'r', outcome: ok });
    });
    expect(said()).toEqual(['one late-1', 'two late-1', 'three late-1']);
    const [one] = records;
    expect(one).toMatchObject({ hrTime: [1, 2], body: 'one', attributes: { mine: 'one', 'session.id': 'late-1' } });
    expect(one?.instrumentationScope.name).toBe('test');
    expect(tracing.diagnostics).toEqual([]);
  });

  test.each(['forceFlush', 'shutdown'] as const)('leaves at %s without it', async (drain) => {
    const { logger, said, processor } = startLogs();
    const { tap, say } = script();
    await tap.run('r', [], async () => {
      say({ type: 'run.start', run: 'r' });
      logger.emit({ body: 'one' });
      await processor[drain]();
      expect(said()).toEqual(['one -']);
      say({ type: 'session.bind', run: 'r', id: 'late-1' }, { type: 'run.end', run: 'r', outcome: ok });
    });
    expect(said()).toEqual(['one -']);
  });

  test('leaves without it when the run ends without it', () => {
    const { logger, said } = startLogs();
    const { tap, say } = script();
    tap.run('r', [], () => {
      say({ type: 'run.start', run: 'r' });
      logger.emit({ body: 'one' });
      say({ type: 'run.end', run: 'r', outcome: ok });
    });
    expect(said()).toEqual(['one -']);
  });
});

test('without a context manager, a record inside withSession carries the session all the same', () => {
  context.disable();
  const { logger, said } = startLogs();
  withSession('conv-42', () => logger.emit({ body: 'inside' }));
  logger.emit({ body: 'outside' });
  expect(said()).toEqual(['inside conv-42', 'outside -']);
});

test('beside nothing, a processor asks nobody to flush', async () => {
  const processor = new SessionLogProcessor();
  await expect(Promise.all([processor.forceFlush(), processor.shutdown()])).resolves.toHaveLength(2);
});

test('a SessionLogProcessor goes around no exporter, and says so when it is made', () => {
  const exporter = new InMemoryLogRecordExporter();
  expect(() => Reflect.construct(SessionLogProcessor, [exporter])).toThrow('What is given has no onEmit');
});
