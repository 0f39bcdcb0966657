// The language that the window speaks now. Parts read `words.t`; only state/appearance changes the tongue.

import type { Bilingual } from '../backend/bindings';
import type { Catalogue, Tongue } from '.';
import { zh } from './zh';

class Words {
  tongue = $state<Tongue>('zh');
  /** The catalogue of the current language. */
  t = $state.raw<Catalogue>(zh);

  /** Speaks a language from now on. English is fetched from beside the page when it is first wanted. */
  async speak(tongue: Tongue): Promise<void> {
    const catalogue = tongue === 'en' ? (await import('./en')).en : zh;
    this.tongue = tongue;
    this.t = catalogue;
  }

  /** A text that came in both languages. */
  say(text: Bilingual): string {
    return text[this.tongue];
  }

  /** The words for a slug, or the slug itself: newer slugs than words must not break the window. */
  of(table: Record<string, string>, slug: string): string {
    return Object.hasOwn(table, slug) ? (table[slug] ?? slug) : slug;
  }
}

export const words = new Words();
