/** A small engine of nobody's: what an adapter meets. It asks a model and calls a tool, and tells of it by events. */
export class Chat {
  readonly id: string;
  readonly #listeners = new Set<(event: ChatEvent) => void>();

  constructor(id: string) {
    this.id = id;
  }

  on(listener: (event: ChatEvent) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  async ask(question: string): Promise<string> {
    const rain = await this.callTool('weather', question);
    this.#tell({ type: 'model', model: 'tiny-1' });
    await new Promise((resolve) => setTimeout(resolve, 5));
    this.#tell({ type: 'model-done', tokens: { in: question.length, out: 4 } });
    return `There is ${rain}.`;
  }

  async callTool(tool: string, input: string): Promise<string> {
    this.#tell({ type: 'tool', tool, input });
    await new Promise((resolve) => setTimeout(resolve, 5));
    this.#tell({ type: 'tool-done', tool });
    return 'rain';
  }

  #tell(event: ChatEvent): void {
    for (const listener of this.#listeners) listener(event);
  }
}

export type ChatEvent =
  | { readonly type: 'tool'; readonly tool: string; readonly input: string }
  | { readonly type: 'tool-done'; readonly tool: string }
  | { readonly type: 'model'; readonly model: string }
  | { readonly type: 'model-done'; readonly tokens: { readonly in: number; readonly out: number } };
