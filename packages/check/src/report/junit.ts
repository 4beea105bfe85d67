import type { Finding } from '../check.ts';
import type { Rule } from '../rule.ts';
import { printable } from '../tree.ts';

/** How a JUnit report tells failures. */
export interface JunitOptions {
  /** There are more warnings than allowed, so that they fail the check; default: they do not. */
  readonly failsOnWarnings?: boolean;
}

/** A check's result as JUnit XML: a test case for each rule that was applied, failed where it found an error. */
export function reportJunit(
  applied: readonly Rule[],
  findings: readonly Finding[],
  { failsOnWarnings = false }: JunitOptions = {},
): string {
  const byRule = Map.groupBy(findings, ({ rule }) => rule);
  const cases = applied.map((rule) => describeCase(rule, byRule.get(rule.id) ?? [], failsOnWarnings));
  const failures = cases.filter(({ failed }) => failed).length;
  const counts = `name="turnkeeper" tests="${cases.length}" failures="${failures}" errors="0" skipped="0"`;
  return [
    '<?xml version="1.0" encoding="UTF-8"?>',
    `<testsuites ${counts}>`,
    `  <testsuite ${counts}>`,
    ...cases.flatMap(({ lines }) => lines),
    '  </testsuite>',
    '</testsuites>',
    '',
  ].join('\n');
}

interface TestCase {
  readonly failed: boolean;
  readonly lines: readonly string[];
}

function describeCase(rule: Rule, findings: readonly Finding[], failsOnWarnings: boolean): TestCase {
  const head = `    <testcase classname="turnkeeper" name="${escapeXml(rule.id)}"`;
  const isFailure = ({ severity }: Finding): boolean => failsOnWarnings || severity === 'error';
  const failures = findings.filter(isFailure);
  const others = findings.filter((finding) => !isFailure(finding));
  if (findings.length === 0) return { failed: false, lines: [`${head}/>`] };
  const [first] = failures;
  const what = printable(first?.what ?? '');
  const message = failures.length > 1 ? `${what} (and ${failures.length - 1} more)` : what;
  return {
    failed: failures.length > 0,
    lines: [
      `${head}>`,
      ...(failures.length === 0
        ? []
        : [
            `      <failure type="${escapeXml(rule.id)}" message="${escapeXml(message)}">${escapeXml(describe(failures))}</failure>`,
          ]),
      // JUnit knows no warning: what it prints is what people see without a failure.
      ...(others.length === 0 ? [] : [`      <system-out>${escapeXml(describe(others))}</system-out>`]),
      '    </testcase>',
    ],
  };
}

function describe(findings: readonly Finding[]): string {
  return findings
    .map(({ what, why, fix, at }) => {
      const file = at.file === undefined ? '' : `${printable(at.file)}${at.line === undefined ? '' : `:${at.line}`} `;
      const place = `${file}trace ${printable(at.traceId)} span ${printable(at.spanId)}`;
      return `${printable(what)}\nwhy: ${why}\nfix: ${fix}\nat: ${place}`;
    })
    .join('\n\n');
}

/** XML has no way at all to write most control characters. */
function escapeXml(text: string): string {
  return text
    .replaceAll(/[^\t\n\r\u0020-\uD7FF\uE000-\uFFFD\u{10000}-\u{10FFFF}]/gu, '\uFFFD')
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replaceAll('"', '&quot;');
}
