import { constants } from 'node:buffer';
import type { Batch } from '../signals.ts';
import { ByteQueue } from './byte-queue.ts';
import { type Input, nameOf, readBytes } from './bytes.ts';
import { captureCopilotRecord, isCopilotRecord } from './copilot-jsonl.ts';
import { InputError } from './input-error.ts';
import { isRecord } from './json.ts';
import { splitLines } from './lines.ts';
import { readMessages } from './messages.ts';
import { deepest, NestingError } from './nesting.ts';
import { captureOtlpRequest, isOtlpRequest } from './otlp-json.ts';
import { decodeTraceRequest } from './otlp-protobuf.ts';
import { ProtobufError } from './protobuf-reader.ts';

/** So many bytes show what a file holds. */
const headBytes = 1024;
/** A request above this is none; bytes. */
const maximumRequest = 1 << 30;

/**
 * What some files hold, one after another; `-` is standard input. Understands OTLP as JSON lines or one JSON document
 * (ids in hexadecimal or base64), OTLP in protobuf as request bodies or as the collector's length-delimited messages,
 * and the JSON lines of Copilot's own exporter; any of them compressed with gzip or zstd.
 *
 * @throws InputError at the first thing that is none of these, and for an empty file.
 */
export async function* readTraces(files: readonly Input[]): AsyncIterable<Batch> {
  let order = 0;
  for (const file of files) {
    for await (const batch of readFile(file, () => order)) {
      order += batch.spans.length;
      yield batch;
    }
  }
}

async function* readFile(file: Input, order: () => number): AsyncIterable<Batch> {
  const queue = new ByteQueue(readBytes(file));
  const name = nameOf(file);
  const head = await queue.peek(headBytes);
  if (head.length === 0) throw emptyFile(name);
  if (isUtf16(head)) throw utf16File(name);
  if (isText(head)) yield* readJson(queue, name, order);
  else if (head[0] === 0x0a) yield* readRequest(queue, name, order);
  else yield* readDelimited(queue, name, order);
}

/** By its byte order mark: Windows PowerShell writes what is redirected so. */
function isUtf16(head: Buffer): boolean {
  return (head[0] === 0xff && head[1] === 0xfe) || (head[0] === 0xfe && head[1] === 0xff);
}

/** JSON has no control characters but white space; a protobuf message with ids and times has. */
function isText(head: Buffer): boolean {
  return !head.some((byte) => byte < 0x20 && byte !== 0x09 && byte !== 0x0a && byte !== 0x0d);
}

async function* readJson(queue: ByteQueue, file: string, order: () => number): AsyncIterable<Batch> {
  let isEmpty = true;
  const lines = splitLines(queue.rest(), file)[Symbol.asyncIterator]();
  for (let next = await lines.next(); next.done !== true; next = await lines.next()) {
    const { number, text } = next.value;
    if (text.trim() === '') continue;
    const value = parse(text);
    if (value === undefined && isEmpty && opensDocument(text)) {
      const parts = [text];
      let { length } = text;
      for (let more = await lines.next(); more.done !== true; more = await lines.next()) {
        parts.push(more.value.text);
        length += more.value.text.length + 1;
        if (length > constants.MAX_STRING_LENGTH) throw largeDocument(file);
      }
      yield* captureDocument(parts.join('\n'), file, number, order);
      return;
    }
    if (value === undefined) throw isEmpty ? brokenBeginning(text, file, number) : brokenLine(file, number);
    isEmpty = false;
    yield* captureValue(value.parsed, file, number, order);
  }
  if (isEmpty) throw emptyFile(file);
}

/** Whether a line may be the first of a JSON text that goes on below it: something is open at its end that is no text. */
function opensDocument(line: string): boolean {
  if (!/^\s*[[{]/u.test(line)) return false;
  let [depth, isQuoted] = [0, false];
  for (let at = 0; at < line.length; at += 1) {
    const character = line[at];
    if (character === '"') isQuoted = !isQuoted;
    else if (isQuoted) at += character === '\\' ? 1 : 0;
    else if (character === '[' || character === '{') depth += 1;
    else if (character === ']' || character === '}') depth -= 1;
  }
  return depth > 0 && !isQuoted;
}

function parse(text: string): { readonly parsed: unknown } | undefined {
  try {
    return { parsed: JSON.parse(text) };
  } catch {
    return undefined;
  }
}

function* captureDocument(text: string, file: string, line: number, order: () => number): Iterable<Batch> {
  const value = parse(text);
  if (value === undefined) throw brokenDocument(file, line);
  yield* captureValue(value.parsed, file, undefined, order);
}

/**
 * What a line of a file holds; nothing for a blank one.
 *
 * @throws InputError for a line that is neither OTLP nor Copilot's.
 */
export function* captureLine(
  text: string,
  file: string,
  line: number,
  order: () => number,
  isFirst = false,
): Iterable<Batch> {
  if (text.trim() === '') return;
  const value = parse(text);
  if (value === undefined) throw isFirst ? brokenBeginning(text, file, line) : brokenLine(file, line);
  yield* captureValue(value.parsed, file, line, order);
}

/** Whether a file is text of which each line is a document of its own, as its first line shows. */
export async function isJsonLines(file: Input): Promise<boolean> {
  const queue = new ByteQueue(readBytes(file));
  if (isText(await queue.peek(headBytes))) {
    for await (const { text } of splitLines(queue.rest(), nameOf(file)))
      if (text.trim() !== '') return !opensDocument(text);
  }
  await queue.close();
  return false;
}

function* captureValue(value: unknown, file: string, line: number | undefined, order: () => number): Iterable<Batch> {
  const place = line === undefined ? { file } : { file, line };
  // A document may be a list of requests.
  for (const record of Array.isArray(value) && value.length > 0 ? value : [value]) {
    if (!isRecord(record)) throw foreign(file, line, 'it is no object');
    try {
      if (isOtlpRequest(record)) yield captureOtlpRequest(record, place, order());
      else if (isCopilotRecord(record)) yield captureCopilotRecord(record, place, order());
      else throw foreign(file, line, 'it has no "resourceSpans"');
    } catch (error) {
      throw error instanceof NestingError ? tooDeep(file, line) : error;
    }
  }
}

/** A request body, or several one after another: a list of field 1, read one by one. */
async function* readRequest(queue: ByteQueue, file: string, order: () => number): AsyncIterable<Batch> {
  for (let head = await queue.peek(11); head.length > 0; head = await queue.peek(11)) {
    let [length, factor, position] = [0, 1, 1];
    for (; position < head.length; position += 1, factor *= 128) {
      const byte = head[position] ?? 0;
      length += (byte & 0x7f) * factor;
      if (byte < 0x80) break;
    }
    const message = head[0] === 0x0a && length <= maximumRequest ? await queue.take(position + 1 + length) : undefined;
    if (message === undefined) throw brokenMessage(file);
    yield decode(message, file, order());
  }
}

/** The collector's file exporter with `format: proto`. */
async function* readDelimited(queue: ByteQueue, file: string, order: () => number): AsyncIterable<Batch> {
  for await (const message of readMessages(queue, () => brokenMessage(file))) yield decode(message, file, order());
}

function decode(message: Buffer, file: string, order: number): Batch {
  try {
    return { spans: decodeTraceRequest(message, { file }, order), logs: [], metrics: [] };
  } catch (error) {
    if (error instanceof NestingError) throw tooDeep(file, undefined);
    throw error instanceof ProtobufError ? brokenMessage(file) : error;
  }
}

function emptyFile(file: string): InputError {
  return new InputError(file, undefined, 'the file is empty. Was the exporter flushed before the process ended?');
}

function utf16File(file: string): InputError {
  return new InputError(
    file,
    undefined,
    'the file is in UTF-16, as Windows PowerShell writes what is redirected with ">". Write it in UTF-8: … | Out-File -Encoding utf8.',
  );
}

function brokenLine(file: string, line: number): InputError {
  return new InputError(
    file,
    line,
    'this line is not JSON. Was the file cut off while it was written? Remove the line, or export again.',
  );
}

/** Nothing in the file could be read so far: it need not be one that was meant. */
function brokenBeginning(text: string, file: string, line: number): InputError {
  if (opensDocument(text)) return brokenDocument(file, line);
  return new InputError(
    file,
    line,
    'this line is not JSON, and there is none before it. Was the file cut off, or is it something else, such as what a console exporter prints? Give OTLP, as the file exporter of an OpenTelemetry collector writes it.',
  );
}

function brokenDocument(file: string, line: number): InputError {
  return new InputError(
    file,
    line,
    'what begins here is not one whole JSON document. Was it cut off, or is it something else, such as what a console exporter prints? Of several documents each needs a line of its own, as jq -c writes them.',
  );
}

function largeDocument(file: string): InputError {
  return new InputError(
    file,
    undefined,
    'this JSON document is too large to be read at once. Let the exporter write a request a line, as the file exporter of an OpenTelemetry collector does.',
  );
}

function brokenMessage(file: string): InputError {
  return new InputError(
    file,
    undefined,
    'this is neither JSON nor traces of OTLP in protobuf, or it was cut off. Give a file of an OpenTelemetry collector, or the body of an export request; in protobuf, without metrics and logs.',
  );
}

function tooDeep(file: string, line: number | undefined): InputError {
  return new InputError(
    file,
    line,
    `an attribute has more than ${deepest} lists or maps inside of one another. Record it as JSON text instead.`,
  );
}

function foreign(file: string, line: number | undefined, what: string): InputError {
  return new InputError(
    file,
    line,
    `this is JSON, but not OTLP: ${what}. Each line must be an ExportTraceServiceRequest, as the file exporter of an OpenTelemetry collector writes it.`,
  );
}
