import type { Answer, Failure, Reply } from './answer.ts';
import { isObject } from './json.ts';
import type { ModelRequest } from './request.ts';

/**
 * What the model answers: always the same answer; a list of answers, used up in order by whoever asks; or a function of
 * the request, which is what interleaved conversations need. A script that throws, or a list that is used up, is an
 * HTTP 500 that says so and asks not to be retried.
 */
export type Script = Answer | readonly Answer[] | ScriptFunction;

/** Answers one request. It may take its time; `request.signal` tells that nobody waits any more. */
export type ScriptFunction = (request: ModelRequest) => Answer | Promise<Answer>;

/** The default script: repeats the last user text. */
export const echo: ScriptFunction = (request) => `echo: ${request.lastUserText}`;

/**
 * Answers by the marker that the last message contains, if it is a user's: the first marker in the order given wins,
 * and its script plays. Everything else (tool results among it) goes to `otherwise`.
 *
 * @example
 * server.script(byMarker({
 *   '#weather': { toolCalls: [{ name: 'weather', arguments: { city: 'Oslo' } }] },
 *   '#flaky': [{ status: 503, message: 'overloaded' }, 'here you are'],
 * }));
 */
export function byMarker(scripts: Readonly<Record<string, Script>>, otherwise: Script = echo): ScriptFunction {
  const marked = Object.entries(scripts).map(([marker, script]) => ({ marker, play: play(script) }));
  const rest = play(otherwise);
  return (request) => {
    const last = request.messages.at(-1);
    const found = last?.role === 'user' ? marked.find(({ marker }) => last.text.includes(marker)) : undefined;
    return (found?.play ?? rest)(request);
  };
}

/** Any script as a function. A list keeps its place inside it. */
export function play(script: Script): ScriptFunction {
  if (typeof script === 'function') return script;
  if (!isList(script)) return () => script;
  let used = 0;
  return () => {
    const answer = script[used];
    used += 1;
    if (answer === undefined) {
      throw new Error(
        `The list has ${script.length} answers and this is request ${used} to it. Add an answer, or use a function.`,
      );
    }
    return answer;
  };
}

/** What a script gave, as a reply or a failure. Throws a TypeError for anything that is no answer. */
export function readAnswer(answer: unknown): Reply | Failure {
  if (typeof answer === 'string') return { text: answer };
  if (isObject(answer)) return answer;
  throw new TypeError(`It gave ${answer === null ? 'null' : typeof answer} where a string or an object was expected.`);
}

function isList(script: Answer | readonly Answer[]): script is readonly Answer[] {
  return Array.isArray(script);
}
