import type { RunId } from '../../adapter.ts';
export { text } from '../../adapter.ts';

/** What is observed of Template: by its shape, so that nobody needs its types. */
export interface TemplateSession {
  readonly id: string;
  on(listener: (event: unknown) => void): () => void;
}

/** What Template's seams deliver: plain data, as recordings hold it. */
export type TemplateNative =
  | { readonly kind: 'asked'; readonly run: RunId; readonly session?: string | undefined; readonly input?: unknown }
  | {
      readonly kind: 'answered';
      readonly run: RunId;
      readonly failure?: string | undefined;
      readonly output?: unknown;
    };

/** The name of what was thrown: short, and without words of a user. */
export function nameOf(error: unknown): string {
  return error instanceof Error ? error.name : 'error';
}
