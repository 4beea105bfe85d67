/// <reference lib="dom" />
import { appendFileSync, existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import axe, { type AxeResults } from 'axe-core';
import { type Browser, chromium, type Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { main } from '../../cli.ts';
import { temporaryFolder } from '../../testing/folder.ts';
import { toOtlpLines } from '../../testing/otlp.ts';
import { chat, other, type SpanLiteral, spansOf, tool, turn } from '../../testing/spans.ts';

const executablePath = ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'].find(existsSync);
if (executablePath === undefined) console.warn('The report is not tried in a browser: there is no chromium here.');

const directory = temporaryFolder();
const builtCli: { readonly main: typeof main } = await import(
  fileURLToPath(new URL('../../../dist/cli.js', import.meta.url))
);
let browser: Browser;
let reports = 0;

async function write(...traces: readonly (SpanLiteral | readonly SpanLiteral[])[]): Promise<string> {
  const file = join(directory, `${(reports += 1)}.jsonl`);
  writeFileSync(file, toOtlpLines(spansOf(...traces)));
  return await report(file);
}

async function report(file: string): Promise<string> {
  const out = file.replace('.jsonl', '.html');
  const stdout = { write: () => true, isTTY: false };
  expect(await builtCli.main(['report', file, '--out', out], { stdout, stderr: process.stderr })).toBe(0);
  return out;
}

/** Opens a report and fails on anything that the browser complains of, such as a breach of the content policy. */
async function open(out: string, complaints: string[] = []): Promise<Page> {
  const page = await browser.newPage({ viewport: { width: 1280, height: 800 } });
  page.on('console', (message) => complaints.push(message.text()));
  page.on('pageerror', (error) => complaints.push(String(error)));
  page.on('request', (request) => {
    if (!request.url().startsWith('file:')) complaints.push(`a request to ${request.url()}`);
  });
  page.on('dialog', (dialog) => complaints.push(dialog.message()));
  await page.goto(`file://${out}`);
  return page;
}

/** What axe has against the page as it stands: the rule, and where it is broken. */
async function violations(page: Page): Promise<readonly string[]> {
  await page.evaluate(axe.source);
  const levels = ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa'];
  const found: AxeResults = await page.evaluate((runOnly) => Reflect.get(globalThis, 'axe').run({ runOnly }), levels);
  return found.violations.flatMap(({ id, nodes }) =>
    nodes.map(({ html, failureSummary }) => `${id}: ${html}: ${failureSummary}`),
  );
}

/** Where the parts of a line are, measured at once: a line that is drawn anew is another element. */
async function boxesIn(page: Page, text: string) {
  return await page.evaluate((words) => {
    const line = [...document.querySelectorAll('.row')].find((row) => row.textContent.includes(words));
    const boxOf = (selector: string) => line?.querySelector(selector)?.getBoundingClientRect();
    const [label, half] = [boxOf('.label'), boxOf('.cell')];
    if (!line || !label || !half) return undefined;
    const badges = [...line.querySelectorAll('.badge')].map((badge) => badge.getBoundingClientRect().right);
    return { label: { width: label.width, right: label.right }, half: half.right, badges };
  }, text);
}

describe.skipIf(executablePath === undefined)('the report in a browser', { timeout: 60_000 }, () => {
  beforeAll(async () => {
    browser = await chromium.launch({
      ...(executablePath === undefined ? {} : { executablePath }),
      args: ['--no-sandbox'],
    });
  });
  afterAll(() => browser.close());

  const failed = chat({ status: 'error', attributes: { 'error.type': 'timeout' } });
  const first = turn('conv-42', { label: '1' }, [chat(), tool({}, [other('SELECT', { session: null })])]);
  const second = turn('conv-42', { links: ['1'] }, [failed]);

  it('lists conversations and shows turns, spans and findings where they are', async () => {
    const complaints: string[] = [];
    const page = await open(await write(first, second, turn('conv-7'), turn(null)), complaints);
    expect(await page.locator('.conversation .name').allTextContents()).toEqual([
      'conv-42',
      'conv-7',
      'Outside of conversations',
    ]);
    expect(await page.locator('.row .label').allTextContents()).toEqual([
      'Turn 1',
      'invoke_agent pi',
      'chat m1',
      'execute_tool add',
      'SELECT',
      'Turn 2',
      'invoke_agent pi',
      'chat m1',
    ]);
    expect(await page.locator('.row.found .label').allTextContents()).toEqual(['Turn 1', 'SELECT']);
    await page.keyboard.press('n');
    expect(await page.locator('.row.selected .label').textContent()).toBe('SELECT');
    expect(await page.locator('aside .finding').textContent()).toContain('carries no session.id');
    expect(await page.locator('.strip button').count()).toBe(2);
    await page.keyboard.press('n');
    expect(await page.locator('h2').textContent()).toBe('Outside of conversations');
    await page.keyboard.press('p');
    expect(await page.locator('h2').textContent()).toBe('conv-42');
    expect(complaints).toEqual([]);
  });

  it('shows everything from traces as text: no script runs, no markup appears', async () => {
    const complaints: string[] = [];
    const evil = `</script><script>alert(1)</script><img src=x onerror="alert(2)">`;
    const attributes = { [evil]: evil, 'gen_ai.conversation.id': evil };
    const page = await open(
      await write(turn(evil, { attributes }, [other(evil, { attributes: { a: 'javascript:alert(3)' } })])),
      complaints,
    );
    expect(await page.locator('.conversation .name').textContent()).toBe(evil);
    await page.locator('.row').nth(2).click();
    expect(await page.locator('aside h3').textContent()).toBe(evil);
    expect(await page.locator('img').count()).toBe(0);
    expect(await page.locator('script').count()).toBe(2);
    expect(complaints).toEqual([]);
  });

  it('allows no script but its own, and no request', async () => {
    const complaints: string[] = [];
    const page = await open(await write(first), complaints);
    const ran = await page.evaluate(async () => {
      const script = document.createElement('script');
      script.textContent = 'globalThis.intruder = true';
      document.body.append(script);
      const answer = await fetch('https://example.com').then(
        () => 'answered',
        () => 'refused',
      );
      return [Reflect.get(globalThis, 'intruder'), answer];
    });
    expect(ran).toEqual([undefined, 'refused']);
  });

  it('is worked with the keyboard alone', async () => {
    const page = await open(await write(first, second, turn('conv-7')));
    const label = () => page.locator('.row.selected .label').textContent();
    await page.locator('.rows').focus();
    await page.keyboard.press('ArrowDown');
    expect(await label()).toBe('invoke_agent pi');
    await page.keyboard.press('End');
    expect(await label()).toBe('chat m1');
    await page.keyboard.press('ArrowLeft');
    expect(await label()).toBe('invoke_agent pi');
    await page.keyboard.press('ArrowLeft');
    expect(await page.locator('.row').count()).toBe(7);
    await page.keyboard.press('ArrowRight');
    expect(await page.locator('.row').count()).toBe(8);
    await page.keyboard.press('/');
    await page.keyboard.type('conv-7');
    expect(await page.locator('.conversation .name').allTextContents()).toEqual(['conv-7']);
    await page.keyboard.press('Escape');
    await page.keyboard.press('Escape');
    expect(await page.locator('aside').isVisible()).toBe(false);
  });

  it('leaves the focus where a key pressed something', async () => {
    const page = await open(await write(first, second, turn('conv-7')));
    const focused = () => page.evaluate(() => document.activeElement?.textContent);
    await page.getByText('With findings').press('Enter');
    expect(await focused()).toBe('With findings');
    await page.getByText('All', { exact: true }).press('Enter');
    await page.locator('.conversation').nth(1).press('Enter');
    expect(await page.locator('h2').textContent()).toBe('conv-7');
    expect(await focused()).toContain('conv-7');
    await page.locator('.conversation').nth(0).press('Enter');
    await page.locator('.strip button').nth(1).press('Enter');
    expect(await focused()).toBe('2');
    await page.locator('.row', { hasText: 'invoke_agent' }).nth(1).click();
    await page.getByText('Go to the turn before').press('Enter');
    await page.keyboard.press('ArrowDown');
    expect(await page.locator('.row.selected').getAttribute('id')).toBe('row-2');
    await page.getByLabel('Close').press('Enter');
    await page.keyboard.press('ArrowDown');
    expect(await page.locator('.row.selected').getAttribute('id')).toBe('row-3');
  });

  it('leaves room for the conversations below findings of no span', async () => {
    const points = [{ attributes: [{ key: 'session.id', value: { stringValue: 'conv-42' } }] }];
    const metrics = Array.from({ length: 30 }, (_, number) => ({ name: `m${number}`, sum: { dataPoints: points } }));
    const out = await write(first);
    const file = out.replace('.html', '.jsonl');
    appendFileSync(file, `${JSON.stringify({ resourceMetrics: [{ scopeMetrics: [{ metrics }] }] })}\n`);
    const page = await open(await report(file));
    expect(await page.locator('.finding').count()).toBe(30);
    expect((await page.locator('.rows').boundingBox())?.height).toBeGreaterThan(200);
    expect(await page.locator('.facts').first().textContent()).toContain('1 conversation1 turn4 spans');
  });

  it('tells of tokens where somebody counted them', async () => {
    const counts = { 'gen_ai.usage.input_tokens': 1_200, 'gen_ai.usage.output_tokens': 3 };
    const page = await open(await write(turn('conv-1', {}, [chat({ attributes: counts })]), turn('conv-2')));
    expect(await page.locator('.title').textContent()).toContain('1,200 / 3 tokens in / out');
    await page.locator('.conversation').nth(1).click();
    await page.locator('.row').first().click();
    expect(await page.locator('h2').textContent()).toBe('conv-2');
    expect(await page.locator('main, aside').allTextContents()).not.toContainEqual(expect.stringContaining('tokens'));
  });

  it('names a span that much is wrong with, and keeps to its half of the line', async () => {
    const again = { 'gen_ai.operation.name': 'chat', 'gen_ai.system': 'openai', 'gen_ai.prompt.0.content': 'hello' };
    const called = other('openai.chat', { kind: 'server', session: null, attributes: again });
    const page = await open(await write(turn('conv-42', {}, [chat({}, [called])])));
    for (const width of [1280, 800]) {
      await page.setViewportSize({ width, height: 800 });
      await expect.poll(async () => (await boxesIn(page, 'openai.chat'))?.label.width ?? 0).toBeGreaterThan(30);
      const { half = 0, badges = [] } = (await boxesIn(page, 'openai.chat')) ?? {};
      expect(badges.length).toBeGreaterThan(1);
      expect(Math.max(...badges)).toBeLessThanOrEqual(half);
    }
  });

  it('names a span that hangs deep, on a narrow page too', async () => {
    const deep = Array.from({ length: 40 }).reduce<SpanLiteral>((below) => other('step', {}, [below]), other('GET'));
    const page = await open(await write(turn('conv-42', {}, [deep])));
    await page.setViewportSize({ width: 390, height: 2_400 });
    await expect
      .poll(async () => {
        const boxes = await boxesIn(page, 'GET');
        return boxes && boxes.label.right <= boxes.half;
      })
      .toBe(true);
  });

  it('follows the link to the turn before', async () => {
    const page = await open(await write(first, second));
    await page.locator('.row', { hasText: 'invoke_agent' }).nth(1).click();
    await page.getByText('Go to the turn before').click();
    expect(await page.locator('.row.selected').getAttribute('id')).toBe('row-1');
  });

  it('filters by findings and by failures', async () => {
    const page = await open(await write(first, second, turn('conv-7')));
    await page.getByText('With failures').click();
    expect(await page.locator('.conversation').count()).toBe(1);
    await page.getByText('All', { exact: true }).click();
    expect(await page.locator('.conversation').count()).toBe(2);
  });

  it('draws only what is seen of ten thousand spans', async () => {
    const turns = Array.from({ length: 20 }, (_, number) =>
      turn(
        'conv-42',
        { label: `${number}`, links: number === 0 ? [] : [`${number - 1}`] },
        Array.from({ length: 500 }, () => chat()),
      ),
    );
    const page = await open(await write(...turns));
    expect(await page.locator('.facts').first().textContent()).toContain('10,020 spans');
    await page.locator('.rows').focus();
    for (let pressed = 0; pressed < 20; pressed += 1) await page.keyboard.press('ArrowRight');
    await page.keyboard.press('End');
    await page.locator('.row.selected').waitFor();
    expect(await page.locator('.row').count()).toBeLessThan(120);
  });

  it('prints all of a conversation, and goes on as before', async () => {
    const page = await open(
      await write(
        turn(
          'conv-42',
          {},
          Array.from({ length: 100 }, () => chat()),
        ),
      ),
    );
    const drawn = (): Promise<number> => page.locator('.row').count();
    const before = await drawn();
    expect(before).toBeLessThan(60);
    await page.evaluate(() => {
      window.addEventListener('beforeprint', () =>
        Reflect.set(globalThis, 'printed', document.querySelectorAll('.row').length),
      );
    });
    await page.pdf();
    expect(await page.evaluate(() => Reflect.get(globalThis, 'printed'))).toBe(102);
    expect(await drawn()).toBe(before);
  });

  it('draws more parts along the time line than a call takes arguments', async () => {
    const page = await open(await write(Array.from({ length: 130_000 }, () => other('GET'))));
    expect(await page.locator('.strip button').count()).toBe(130_000);
  });

  it.each(['light', 'dark'] as const)(
    'has colours for %s surroundings, and a button for the other ones',
    async (colorScheme) => {
      const page = await open(await write(first));
      await page.emulateMedia({ colorScheme });
      const background = () => page.evaluate(() => getComputedStyle(document.body).backgroundColor);
      const given = await background();
      await page.getByLabel('Light or dark').click();
      expect(await background()).not.toBe(given);
      expect(given).toBe(colorScheme === 'light' ? 'rgb(247, 247, 250)' : 'rgb(16, 16, 24)');
    },
  );

  it.each([
    ['light', 1280],
    ['dark', 1280],
    ['light', 390],
  ] as const)('keeps to WCAG, levels A and AA: %s, %i pixels wide', async (colorScheme, width) => {
    const page = await open(await write(first, second, turn('conv-7'), [turn(null), other('GET')]));
    await page.setViewportSize({ width, height: 800 });
    await page.emulateMedia({ colorScheme });
    expect(await violations(page)).toEqual([]);
    await page.locator('.rows').focus();
    for (let found = 0; found < 3; found += 1) {
      await page.keyboard.press('n');
      expect(await page.locator('aside').boundingBox()).toMatchObject({ width: expect.any(Number) });
      expect(await violations(page)).toEqual([]);
    }
    await page.getByText('With failures').click();
    expect(await violations(page)).toEqual([]);
  });
});
