// What a list is narrowed by: kept for each merchant, asked for a moment after the last key, and brought back by undo.

import type { View } from './view.svelte';

/** After the last key of somebody who types, ms. */
const PAUSE = 120;

export class Conditions<C extends object> {
  now = $state.raw<C>() as C;
  #name = '';
  #typing: ReturnType<typeof setTimeout> | undefined;

  /** `fresh`: nothing is narrowed. `changed`: ask anew. */
  constructor(
    private readonly view: View,
    private readonly list: string,
    private readonly fresh: C,
    private readonly changed: () => void,
  ) {
    this.now = fresh;
  }

  /** Something is narrowed. */
  get narrowed(): boolean {
    return (Object.keys(this.fresh) as (keyof C)[]).some((key) => !same(this.now[key], this.fresh[key]));
  }

  /** As this merchant's list was left. Asks for nothing. */
  restore(merchant: string | null): void {
    clearTimeout(this.#typing);
    this.#name = `${this.list} ${merchant}`;
    // What an older version kept may lack a condition, or have one that is none any more.
    const kept = this.view.filter<Partial<C>>(this.#name, {});
    const known = Object.entries(kept).filter(([key, value]) => key in this.fresh && typeof value === typeof this.fresh[key as keyof C]);
    this.now = { ...this.fresh, ...(Object.fromEntries(known) as Partial<C>) };
  }

  /** Narrows; while somebody types it waits for a pause. */
  set(part: Partial<C>, typing = false): void {
    this.now = { ...this.now, ...part };
    this.view.keepFilter(this.#name, this.now);
    clearTimeout(this.#typing);
    if (typing) this.#typing = setTimeout(this.changed, PAUSE);
    else this.changed();
  }

  /** Narrows nothing any more; the answer brings back what was. */
  clear(): () => void {
    const before = this.now;
    this.set(this.fresh);
    return () => this.set(before);
  }
}

const same = (one: unknown, two: unknown): boolean => one === two || (Array.isArray(one) && Array.isArray(two) && one.length === two.length && one.every((item, i) => item === two[i]));
