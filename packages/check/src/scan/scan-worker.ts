import { parentPort, workerData } from 'node:worker_threads';
import { type PartTask, scanPart } from './scan-part.ts';

const task: PartTask = workerData;
const answer = await scanPart(task);
// Handed over instead of copied.
const buffers = 'part' in answer ? Object.values(answer.part).flatMap(bufferOf) : [];
parentPort?.postMessage(answer, buffers);

function bufferOf(value: unknown): readonly ArrayBuffer[] {
  return ArrayBuffer.isView(value) && value.buffer instanceof ArrayBuffer ? [value.buffer] : [];
}
