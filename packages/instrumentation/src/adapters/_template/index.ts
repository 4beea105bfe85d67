import type { Adapter } from '../../adapter.ts';
import type { TemplateNative, TemplateSession } from './native.ts';
import { attach, patches } from './patch.ts';
import { scope, start, translate, type TemplateState } from './translate.ts';

/** Template: one `Session` of `template-engine`. */
export const template: Adapter<TemplateSession, TemplateNative, TemplateState> = {
  name: 'template',
  engine: { package: 'template-engine', range: '*' },
  start,
  translate,
  scope,
  attach,
  patches,
};

export type { TemplateNative, TemplateSession } from './native.ts';
export type { TemplateState } from './translate.ts';
