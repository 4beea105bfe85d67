import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { ModelServer } from '@turnkeeper/model-server';

/** Gives Pi a home with one model, that of this server. Returns the variables that lead Pi there. */
export async function openPiHome(folder: string, server: ModelServer): Promise<NodeJS.ProcessEnv> {
  const home = join(folder, 'pi-home');
  await mkdir(home, { recursive: true });
  const models = [{ id: 'test-model' }];
  const loopback = { baseUrl: `${server.url}/v1`, api: 'openai-completions', apiKey: 'none', models };
  await writeFile(join(home, 'models.json'), JSON.stringify({ providers: { loopback } }));
  await writeFile(
    join(home, 'settings.json'),
    JSON.stringify({ defaultProvider: 'loopback', defaultModel: 'test-model' }),
  );
  return { PI_CODING_AGENT_DIR: home, PI_OFFLINE: '1', PI_TELEMETRY: '0', PI_SKIP_VERSION_CHECK: '1' };
}
