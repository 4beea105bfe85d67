import { mkdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** What a real Pi in a process of its own is started with. */
export interface PiProcess {
  /** Its command line's script. */
  readonly command: string;
  readonly env: Record<string, string>;
}

/** Makes a folder that Pi's own process finds the model server in: product telemetry and network off. */
export async function preparePi(folder: string, url: string): Promise<PiProcess> {
  await mkdir(folder);
  const provider = { baseUrl: `${url}/v1`, api: 'openai-completions', apiKey: 'none', models: [{ id: 'test-model' }] };
  const settings = { defaultProvider: 'loopback', defaultModel: 'test-model', quietStartup: true };
  await Promise.all([
    writeFile(join(folder, 'models.json'), JSON.stringify({ providers: { loopback: provider } })),
    writeFile(join(folder, 'settings.json'), JSON.stringify(settings)),
  ]);
  const main = fileURLToPath(import.meta.resolve('@earendil-works/pi-coding-agent'));
  return {
    command: join(dirname(main), 'bundle', 'cli.js'),
    env: { PI_CODING_AGENT_DIR: folder, PI_OFFLINE: '1', PI_TELEMETRY: '0', PI_SKIP_VERSION_CHECK: '1' },
  };
}
