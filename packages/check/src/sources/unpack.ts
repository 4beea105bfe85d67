import { Readable, type Transform } from 'node:stream';
import { createGunzip, createZstdDecompress, zstdDecompressSync } from 'node:zlib';
import { ByteQueue } from './byte-queue.ts';
import { InputError } from './input-error.ts';
import { lengthOf, readMessages } from './messages.ts';

const chunkSize = 1 << 20;
const gzipMagic = 0x1f8b;
const zstdMagic = 0x28b52ffd;
const brace = 0x7b;
const newline = Buffer.from('\n');

/** So many bytes show whether others are compressed. */
export const packedHead = 8;

/** How bytes that begin like this are compressed: `messages` are zstd each by itself, behind their lengths. */
export function packingOf(head: Buffer): 'gzip' | 'zstd' | 'messages' | undefined {
  if (head.length >= 2 && head.readUInt16BE() === gzipMagic) return 'gzip';
  if (head.length >= 4 && head.readUInt32BE() === zstdMagic) return 'zstd';
  if (head.length >= packedHead && head.readUInt32BE(4) === zstdMagic) return 'messages';
  return undefined;
}

/**
 * Bytes as they were before they were compressed, in whatever way; `name` is for errors.
 *
 * @throws InputError, or an error of zlib, where they are damaged.
 */
export async function* unpack(bytes: AsyncIterable<Buffer>, name: string): AsyncIterable<Buffer> {
  const queue = new ByteQueue(bytes);
  const packing = packingOf(await queue.peek(packedHead));
  if (packing === 'gzip') yield* passThrough(queue.rest(), createGunzip({ chunkSize }));
  else if (packing === 'zstd') yield* unpackFrame(queue.rest(), name);
  else if (packing === 'messages') yield* unpackMessages(queue, name);
  else yield* queue.rest();
}

/** What is wrong with bytes that cannot be unpacked. */
export const damage = 'this compressed file is damaged or cut off. Was it copied while it was written? Copy it again.';

async function* passThrough(bytes: AsyncIterable<Buffer>, unpacker: Transform): AsyncIterable<Buffer> {
  Readable.from(bytes, { objectMode: false })
    .on('error', (error) => unpacker.destroy(error))
    .pipe(unpacker);
  const pieces: AsyncIterable<Buffer> = unpacker;
  yield* pieces;
}

/** What `zstd` makes of a file. Node unpacks the first frame and says nothing of others behind it. */
async function* unpackFrame(bytes: AsyncIterable<Buffer>, name: string): AsyncIterable<Buffer> {
  let given = 0;
  const count = async function* (): AsyncIterable<Buffer> {
    for await (const piece of bytes) {
      given += piece.length;
      yield piece;
    }
  };
  const unpacker = createZstdDecompress({ chunkSize });
  yield* passThrough(count(), unpacker);
  if (unpacker.bytesWritten === given) return;
  throw new InputError(
    name,
    undefined,
    'there are several frames of zstd in here, of which only the first can be read. Unpack them with zstd -d, and give what comes out.',
  );
}

/**
 * What the collector's file exporter makes with `compression: zstd`. Messages of JSON become lines again, as it writes
 * them otherwise; those of protobuf stay behind their lengths.
 */
async function* unpackMessages(queue: ByteQueue, name: string): AsyncIterable<Buffer> {
  for await (const packed of readMessages(queue, () => new InputError(name, undefined, damage))) {
    const message = zstdDecompressSync(packed);
    yield* message[0] === brace ? [message, newline] : [lengthOf(message), message];
  }
}
