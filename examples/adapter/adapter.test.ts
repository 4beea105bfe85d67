import { context, trace } from '@opentelemetry/api';
import { AsyncLocalStorageContextManager } from '@opentelemetry/context-async-hooks';
import { BasicTracerProvider } from '@opentelemetry/sdk-trace-base';
import { createCapture } from '@turnkeeper/check';
import '@turnkeeper/check/vitest';
import { observe, SessionSpanProcessor, withSession } from '@turnkeeper/instrumentation';
import { afterEach, expect, test } from 'vitest';
import { chat } from './adapter.ts';
import { Chat } from './engine.ts';

afterEach(() => {
  trace.disable();
  context.disable();
});

test('the adapter of docs/adapters.md keeps two conversations apart', async () => {
  const capture = createCapture();
  const processor = new SessionSpanProcessor(capture.spanProcessor);
  trace.setGlobalTracerProvider(new BasicTracerProvider({ spanProcessors: [processor] }));
  context.setGlobalContextManager(new AsyncLocalStorageContextManager());
  const [a, b] = [new Chat('chat-a'), new Chat('chat-b')];
  observe(chat, a);
  observe(chat, b);
  await Promise.all([withSession('conv-a', () => a.ask('Is there rain?')), b.ask('And here?')]);
  await withSession('conv-a', () => a.ask('Still?'));
  expect(capture).toHaveSession('conv-a', { turns: 2 });
  expect(capture).toHaveSession('chat-b', { turns: 1 });
  expect(capture).toPassChecks();
  expect(capture.tree()).toMatchInlineSnapshot(`
    "invoke_agent chat [session conv-a] run.start
      execute_tool weather
      chat tiny-1
    invoke_agent chat [session chat-b] run.start
      execute_tool weather
      chat tiny-1
    invoke_agent chat [session conv-a] run.start -> previous turn
      execute_tool weather
      chat tiny-1"
  `);
});
