import type { Finding } from '../check.ts';
import type { Rule } from '../rule.ts';
import { printable } from '../tree.ts';

/** A check's result as JUnit XML: a test case for each rule that was applied, failed where it found an error. */
export function reportJunit(applied: readonly Rule[], findings: readonly Finding[]): string {
  const byRule = Map.groupBy(findings, ({ rule }) => rule);
  const cases = applied.map((rule) => describeCase(rule, byRule.get(rule.id) ?? []));
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

function describeCase(rule: Rule, findings: readonly Finding[]): TestCase {
  const head = `    <testcase classname="turnkeeper" name="${escapeXml(rule.id)}"`;
  const errors = findings.filter(({ severity }) => severity === 'error');
  const warnings = findings.filter(({ severity }) => severity === 'warn');
  if (findings.length === 0) return { failed: false, lines: [`${head}/>`] };
  const [first] = errors;
  const what = printable(first?.what ?? '');
  const message = errors.length > 1 ? `${what} (and ${errors.length - 1} more)` : what;
  return {
    failed: errors.length > 0,
    lines: [
      `${head}>`,
      ...(errors.length === 0
        ? []
        : [
            `      <failure type="${escapeXml(rule.id)}" message="${escapeXml(message)}">${escapeXml(describe(errors))}</failure>`,
          ]),
      // JUnit knows no warning: what it prints is what people see without a failure.
      ...(warnings.length === 0 ? [] : [`      <system-out>${escapeXml(describe(warnings))}</system-out>`]),
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
