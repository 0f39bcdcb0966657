// The language that the window speaks now. Parts read `words.t`; only state/appearance changes the tongue.

import { catalogues, type Catalogue, type Tongue } from '.';
import type { Bilingual } from '../backend/bindings';

class Words {
  tongue = $state<Tongue>('zh');

  /** The catalogue of the current language. */
  get t(): Catalogue {
    return catalogues[this.tongue];
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
