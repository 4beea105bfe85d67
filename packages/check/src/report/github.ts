import type { Finding } from '../check.ts';
import { printable } from '../tree.ts';

/**
 * A check's findings as workflow commands of GitHub Actions: each becomes an annotation, at its line where the file is
 * a part of the repository.
 */
export function reportGithub(findings: readonly Finding[]): string {
  return findings.map(describe).join('');
}

/**
 * Text for the log of a job. The runner takes `##[` for the beginning of a command wherever it is in a line, so that a
 * span's name could give one.
 */
export function withoutCommands(text: string): string {
  return text.replaceAll('##[', '#\\u0023[');
}

function describe({ rule, severity, what, why, fix, at }: Finding): string {
  const properties = [
    ...(at.file === undefined ? [] : [`file=${escapeProperty(at.file)}`]),
    ...(at.line === undefined ? [] : [`line=${at.line}`]),
    `title=${escapeProperty(rule)}`,
  ];
  const message = `${printable(what)}\n${why}\n${fix}\ntrace ${printable(at.traceId)} span ${printable(at.spanId)}`;
  return `::${severity === 'error' ? 'error' : 'warning'} ${properties.join(',')}::${escapeMessage(message)}\n`;
}

function escapeMessage(text: string): string {
  return text.replaceAll('%', '%25').replaceAll('\r', '%0D').replaceAll('\n', '%0A');
}

function escapeProperty(text: string): string {
  return escapeMessage(text).replaceAll(':', '%3A').replaceAll(',', '%2C');
}
