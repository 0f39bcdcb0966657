// The shape of a catalogue and which languages there are. The words are in zh.ts (the source) and en.ts.

import type { zh } from './zh';

/** Languages of the window; zh is the first. */
export type Tongue = 'zh' | 'en';

/** Every word of the window. A missing one fails the type check. */
export type Catalogue = typeof zh;
