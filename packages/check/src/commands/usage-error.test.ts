import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { main } from '../cli.ts';
import { rules } from '../rules/index.ts';
import { temporaryFolder } from '../testing/folder.ts';

const config = join(temporaryFolder(), 'config.json');

async function turnkeeper(...argv: readonly string[]): Promise<unknown> {
  const said = { stdout: '', stderr: '' };
  const to = (name: keyof typeof said) => ({
    isTTY: false,
    write: (text: string | Uint8Array) => Boolean((said[name] += String(text))),
  });
  const status = await main(argv, { stdout: to('stdout'), stderr: to('stderr') });
  return { status, ...said };
}

const unknown = (id: string): string =>
  `There is no rule "${id}", so nothing would be checked by that name. The rules are: ${rules.map((rule) => rule.id).join(', ')}.`;

describe('what is wrong', () => {
  it.each([
    [['check'], 'no file was given to check.'],
    [['chekc', 'a.jsonl'], 'there is no command "chekc".'],
    [[], 'no command was given.'],
  ])('is said in one line of the command line %j', async (argv, sentence) => {
    const said = { status: 2, stdout: '', stderr: `turnkeeper: ${sentence} See turnkeeper --help.\n` };
    expect(await turnkeeper(...argv)).toEqual(said);
  });

  it.each([
    [
      ['--max-warnings', '-1'],
      'the option --max-warnings lacks its value. A value that begins with a dash goes behind =, as in --max-warnings=-x.',
    ],
    [
      ['--format'],
      'the option --format lacks its value. A value that begins with a dash goes behind =, as in --format=-x.',
    ],
    [['--no-content=yes'], 'the option --no-content takes no value.'],
    [['--bogus'], 'there is no option "--bogus". A file whose name begins with a dash goes behind --.'],
    [['-x'], 'there is no option "-x". A file whose name begins with a dash goes behind --.'],
    [[''], 'the name of a file is empty.'],
    [['a.jsonl', '--format', 'yaml'], 'there is no format "yaml"; there are text, json, junit, github.'],
    [['a.jsonl', '--rule', 'turns-linked'], '--rule "turns-linked" is not of the form id=off, id=warn or id=error.'],
    [
      ['a.jsonl', '--rule', 'turns-linked=warn=off'],
      '--rule "turns-linked=warn=off" is not of the form id=off, id=warn or id=error.',
    ],
    [
      ['a.jsonl', '--rule', 'turns-linked=loud'],
      '--rule "turns-linked=loud" is not of the form id=off, id=warn or id=error.',
    ],
    [['a.jsonl', '--max-warnings', 'few'], '--max-warnings "few" is not a whole number.'],
    [['a.jsonl', '--workers', '65'], '--workers "65" is not a whole number up to 64.'],
    [['a.jsonl', '--config', 'nowhere.json'], 'the configuration "nowhere.json" cannot be read (ENOENT).'],
    [['a.jsonl', '--since', '1h'], '--database, --table and --since belong to --clickhouse.'],
    [['a.jsonl', '--table', 'traces'], '--database, --table and --since belong to --clickhouse.'],
    [['--database', 'otel', 'a.jsonl'], '--database, --table and --since belong to --clickhouse.'],
    [['--clickhouse', ''], 'the address of --clickhouse is empty.'],
    [['--clickhouse', 'http://127.0.0.1:9', 'a.jsonl'], '--clickhouse and files cannot be checked at once.'],
    [['--clickhouse', 'http://127.0.0.1:9', '--workers', '2'], '--workers belongs to files.'],
    [['--clickhouse', 'http://127.0.0.1:9', '--since', '90'], '--since "90" is no duration such as 30m, 1h or 7d.'],
    [['--clickhouse', 'http://127.0.0.1:9', '--since', '1w'], '--since "1w" is no duration such as 30m, 1h or 7d.'],
  ])('is said in one line of a check with %j', async (argv, sentence) => {
    const said = { status: 2, stdout: '', stderr: `turnkeeper: ${sentence} See turnkeeper --help.\n` };
    expect(await turnkeeper('check', ...argv)).toEqual(said);
  });

  it('is said in one line of a report', async () => {
    const said = (sentence: string) => ({
      status: 2,
      stdout: '',
      stderr: `turnkeeper: ${sentence} See turnkeeper --help.\n`,
    });
    expect(await turnkeeper('report')).toEqual(said('no file was given to report on.'));
    expect(await turnkeeper('report', 'a.jsonl', '--format', 'json')).toEqual(
      said('there is no option "--format". A file whose name begins with a dash goes behind --.'),
    );
  });

  it.each([
    ['not JSON', '{', 'the configuration "CONFIG" is not JSON.'],
    ['a list', '[]', 'the configuration "CONFIG" is no JSON object.'],
    ['an unknown key', '{"rule":{}}', 'the configuration "CONFIG" has the unknown key "rule".'],
    ['a list of rules', '{"rules":["turns-linked"]}', '"rules" in "CONFIG" is no JSON object.'],
    [
      'an unknown level',
      '{"rules":{"turns-linked":"loud"}}',
      'the level of "turns-linked" in "CONFIG" is not off, warn or error.',
    ],
    ['an unknown rule', '{"rules":{"turns-linkd":"off"}}', unknown('turns-linkd')],
    ['a rule that is no name', '{"rules":{"__proto__":"off"}}', unknown('__proto__')],
    ['a limit that is no number', '{"maxWarnings":"few"}', '"maxWarnings" in "CONFIG" is not a whole number.'],
    ['a limit below nothing', '{"maxWarnings":-1}', '"maxWarnings" in "CONFIG" is not a whole number.'],
    ['half a warning', '{"maxWarnings":0.5}', '"maxWarnings" in "CONFIG" is not a whole number.'],
  ])('is said in one line of a configuration with %s', async (_, text, sentence) => {
    writeFileSync(config, text);
    const said = {
      status: 2,
      stdout: '',
      stderr: `turnkeeper: ${sentence.replace('CONFIG', config)} See turnkeeper --help.\n`,
    };
    expect(await turnkeeper('check', 'a.jsonl', '--config', config)).toEqual(said);
  });
});
