import type { ByteQueue } from './byte-queue.ts';
import type { InputError } from './input-error.ts';

const lengthBytes = 4;
/** A message above this is no message. */
const maximumMessage = 1 << 30;

/**
 * Messages as the collector's file exporter writes them where they are no lines: each behind its length, in four bytes,
 * big-endian.
 *
 * @throws what `broken` gives where a message is not whole.
 */
export async function* readMessages(queue: ByteQueue, broken: () => InputError): AsyncIterable<Buffer> {
  for (let head = await queue.take(lengthBytes); head !== undefined; head = await queue.take(lengthBytes)) {
    const length = head.readUInt32BE();
    const message = length <= maximumMessage ? await queue.take(length) : undefined;
    if (message === undefined) throw broken();
    yield message;
  }
  if ((await queue.peek(1)).length > 0) throw broken();
}

/** The length of a message, as it stands before it. */
export function lengthOf(message: Buffer): Buffer {
  const length = Buffer.alloc(lengthBytes);
  length.writeUInt32BE(message.length);
  return length;
}
