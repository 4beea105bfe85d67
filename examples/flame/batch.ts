/**
 * Two sessions on Flame: one whose id comes from the `SessionContext` of the class that does the work, one whose id
 * Flame's way makes up. `FLAME_ENDPOINT` and `FLAME_APPLICATION` name a real one; without them, a stand-in plays it.
 */
import { join } from 'node:path';
import { SessionContext, sessionContext } from '@turnkeeper/instrumentation';
import { startFlame } from '@turnkeeper/model-server/flame';
import { connect, openSession, TaskError } from './client.ts';
import { recommender } from './instance.ts';

const application = process.env['FLAME_APPLICATION'] ?? 'recommender';

class Recommendations {
  static readonly [sessionContext] = new SessionContext({ sessionId: 'batch-001', applicationName: application });
  readonly wishes = ['something green', 'something sweet', 'the impossible'];
}

const proto = join(import.meta.dirname, 'flame.proto');
await using standIn = await startFlame({ proto, applications: { [application]: recommender } });
const frontend = connect(process.env['FLAME_ENDPOINT'] ?? standIn.endpoint);

const recommendations = new Recommendations();
const session = await openSession(frontend, recommendations);
for (const wish of recommendations.wishes) {
  try {
    const output = await session.run(wish);
    console.log(`${session.id}  ${wish} → ${output}`);
  } catch (error) {
    if (!(error instanceof TaskError)) throw error;
    console.log(`${session.id}  ${wish} → ${error.state}: ${error.message}`);
  }
}
await session[Symbol.asyncDispose]();

const other = await openSession(frontend, () => {}, { application });
console.log(`${other.id}  anything → ${await other.run('anything')}`);
await other[Symbol.asyncDispose]();
frontend.close();
