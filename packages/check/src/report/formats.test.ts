import { describe, expect, it } from 'vitest';
import type { Capture } from '../capture.ts';
import { check, type Finding } from '../check.ts';
import { rules } from '../rules/index.ts';
import { summarize } from '../summary.ts';
import { captureOf, chat, turn } from '../testing/spans.ts';
import { describeFailure } from './failure.ts';
import { reportGithub, withoutCommands } from './github.ts';
import { reportJson } from './json.ts';
import { reportJunit } from './junit.ts';
import { reportText } from './text.ts';

const finding: Finding = {
  rule: 'every-span-stamped',
  severity: 'error',
  what: 'Span "<b>&\u0000" carries no session.id.',
  why: 'Why, 100%.',
  fix: 'Fix.',
  at: { traceId: 'a'.repeat(32), spanId: 'b'.repeat(16), file: 'a,b:c.jsonl', line: 3 },
};
const warning: Finding = { ...finding, rule: 'turns-linked', severity: 'warn', at: { traceId: 't', spanId: 's' } };
const [first, second, third] = ['every-span-stamped', 'turns-linked', 'no-orphans'].map((id) =>
  rules.find((rule) => rule.id === id)!,
);

describe('reportJunit', () => {
  it('has a test case for each rule: failed, passed with something to say, passed', () => {
    expect(reportJunit([first!, second!, third!], [finding, finding, warning])).toMatchInlineSnapshot(`
      "<?xml version="1.0" encoding="UTF-8"?>
      <testsuites name="turnkeeper" tests="3" failures="1" errors="0" skipped="0">
        <testsuite name="turnkeeper" tests="3" failures="1" errors="0" skipped="0">
          <testcase classname="turnkeeper" name="every-span-stamped">
            <failure type="every-span-stamped" message="Span &quot;&lt;b&gt;&amp;\\u0000&quot; carries no session.id. (and 1 more)">Span &quot;&lt;b&gt;&amp;\\u0000&quot; carries no session.id.
      why: Why, 100%.
      fix: Fix.
      at: a,b:c.jsonl:3 trace aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa span bbbbbbbbbbbbbbbb

      Span &quot;&lt;b&gt;&amp;\\u0000&quot; carries no session.id.
      why: Why, 100%.
      fix: Fix.
      at: a,b:c.jsonl:3 trace aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa span bbbbbbbbbbbbbbbb</failure>
          </testcase>
          <testcase classname="turnkeeper" name="turns-linked">
            <system-out>Span &quot;&lt;b&gt;&amp;\\u0000&quot; carries no session.id.
      why: Why, 100%.
      fix: Fix.
      at: trace t span s</system-out>
          </testcase>
          <testcase classname="turnkeeper" name="no-orphans"/>
        </testsuite>
      </testsuites>
      "
    `);
    const failing = reportJunit([second!], [warning], { failsOnWarnings: true });
    expect(failing).toContain('tests="1" failures="1"');
    expect(failing).toContain('<failure type="turns-linked"');
    // XML has no way to write this.
    expect(reportJunit([first!], [{ ...finding, what: '\uD800' }])).toContain('message="\uFFFD"');
  });
});

describe('each format', () => {
  it('lets nothing that a trace says begin a line, which a log may take for a command', () => {
    const evil = '\n::stop-commands::a\r::stop-commands::b';
    const found: Finding = { ...finding, what: evil, at: { traceId: evil, spanId: evil, file: evil } };
    const summary = { sessions: 1, turns: 1, spans: 1, traces: 1 };
    for (const report of [
      reportText(summary, [found], { colors: false }),
      reportGithub([found]),
      reportJunit([first!], [found, { ...found, severity: 'warn' }]),
      reportJson(summary, [found]),
      describeFailure('It failed.', captureOf(turn('a')), [found]),
    ]) {
      expect(report).toContain('::stop-commands::');
      expect(report).not.toMatch(/[\n\r]\s*::stop-commands/u);
    }
  });
});

describe('describeFailure', () => {
  it('counts the traces that it does not show, and the one of a metric for none', () => {
    const capture = captureOf(...Array.from({ length: 8 }, () => turn('a')));
    const nowhere: Finding = { ...finding, at: { traceId: '', spanId: '' } };
    const found = [nowhere, ...capture.spans.map(({ traceId, spanId }) => ({ ...finding, at: { traceId, spanId } }))];
    expect(describeFailure('It failed.', capture, found)).toContain('… and 3 more traces');
    expect(describeFailure('It failed.', capture, [nowhere])).toContain('… and 8 more traces');
  });
});

describe('withoutCommands', () => {
  it('leaves nothing in a text that is a command anywhere in a line', () => {
    expect(withoutCommands('a ##[error]b ###[group]')).toBe('a #\\u0023[error]b ##\\u0023[group]');
  });
});

describe('reportGithub', () => {
  it('makes an annotation of each finding', () => {
    expect(reportGithub([finding, warning])).toMatchInlineSnapshot(`
      "::error file=a%2Cb%3Ac.jsonl,line=3,title=every-span-stamped::Span "<b>&\\u0000" carries no session.id.%0AWhy, 100%25.%0AFix.%0Atrace aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa span bbbbbbbbbbbbbbbb
      ::warning title=turns-linked::Span "<b>&\\u0000" carries no session.id.%0AWhy, 100%25.%0AFix.%0Atrace t span s
      "
    `);
    expect(reportGithub([])).toBe('');
  });
});

describe('reportText', () => {
  it('shows errors before warnings, and each kind of finding once', () => {
    const capture = captureOf(
      turn('a', {}, [chat({ session: null }), chat({ session: null })]),
      turn('a', {}, [chat({ session: null })]),
    );
    expect(reportText(summarize(capture), check(capture), { colors: false })).toMatchInlineSnapshot(`
      "✗ error  every-span-stamped
        Span "chat m1" of the run "invoke_agent pi" carries no session.id.
          at  trace a0000000000000000000000000000001  span b000000000000002
        Span "chat m1" of the run "invoke_agent pi" carries no session.id.
          at  trace a0000000000000000000000000000001  span b000000000000003
        Span "chat m1" of the run "invoke_agent pi" carries no session.id.
          at  trace a0000000000000000000000000000002  span b000000000000005
        why A search for the conversation does not find this span: a slow query or a failed request of this turn stays unseen.
        fix Register SessionSpanProcessor in the SDK that made the span, around the exporting processor or before it.

      ✗ error  conversation-matches
        Span "chat m1" of session "a" carries no gen_ai.conversation.id.
          at  trace a0000000000000000000000000000001  span b000000000000002
        Span "chat m1" of session "a" carries no gen_ai.conversation.id.
          at  trace a0000000000000000000000000000001  span b000000000000003
        Span "chat m1" of session "a" carries no gen_ai.conversation.id.
          at  trace a0000000000000000000000000000002  span b000000000000005
        why Backends for GenAI group by conversation, everything else by session: with two ids the two views do not fit together.
        fix Let SessionSpanProcessor stamp both ids; if one session holds several conversations, say so with gen_ai.conversation.id on run.start.

      ! warn  turns-linked
        Turn 2 of session "a", "invoke_agent pi", has no link to the turn before it in this process.
          at  trace a0000000000000000000000000000002  span b000000000000004
        why From this turn nobody can step back to the one before: the conversation is a set of traces instead of a chain.
        fix Keep one TurnkeeperInstrumentation for the life of the process; it remembers the last turn of each session.

      ✗ 1 conversation, 2 turns, 5 spans in 2 traces checked: 6 errors, 1 warning
      "
    `);
  });

  it('shows the first places of many', () => {
    const many = Array.from({ length: 25 }, () => chat({ session: null }));
    const capture = captureOf(turn('a', {}, many));
    const findings = check(capture, { only: ['every-span-stamped'] });
    const text = reportText(summarize(capture), findings, { colors: false });
    expect(text).toContain('… and 15 more like it (--format json lists all)');
    expect(text.match(/ {4}at {2}/gu)).toHaveLength(10);
  });

  it('has colours when the reader sees them', () => {
    const report = (...findings: Finding[]): string =>
      reportText(summarize(captureOf(turn('a'))), findings, { colors: true });
    const color = (code: number): string => `\u001b[${code}m`;
    expect(report().startsWith(`${color(32)}✓ 1 conversation`)).toBe(true);
    expect(report(warning)).toContain(`${color(33)}! warn`);
    expect(report(warning)).toContain(`${color(33)}! 1 conversation`);
    expect(report(warning, finding)).toContain(`${color(31)}✗ error`);
    expect(report(warning, finding)).toContain(`${color(31)}✗ 1 conversation`);
  });

  it('says so when there was no run, and nothing else to say', () => {
    const note = 'No span here is the root of a run';
    const report = (of: Capture, ...findings: Finding[]): string =>
      reportText(summarize(of), findings, { colors: false });
    expect(report(captureOf(chat()))).toContain(note);
    expect(report(captureOf(chat()), finding)).not.toContain(note);
    expect(report(captureOf(turn('a')))).not.toContain(note);
  });

  it('names the file of a span, and the line where that is known', () => {
    const { line: _line, ...at } = finding.at;
    const summary = summarize(captureOf(turn('a')));
    const report = (found: Finding): string => reportText(summary, [found], { colors: false });
    expect(report(finding)).toContain('    at  a,b:c.jsonl:3  trace aaaa');
    expect(report({ ...finding, at })).toContain('    at  a,b:c.jsonl  trace aaaa');
  });

  it('keeps what a trace says from writing to the terminal', () => {
    const capture = captureOf(turn('a', {}, [{ ...chat({ session: null }), name: '\u001b[2J' }]));
    expect(reportText(summarize(capture), check(capture), { colors: false })).not.toContain('\u001b');
  });
});
