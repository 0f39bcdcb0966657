// Rows of a list that are marked, to do something with all of them.

export class Marks {
  set = $state.raw<ReadonlySet<string>>(new Set());
  /** Where a range begins. */
  #from: string | null = null;

  get size(): number {
    return this.set.size;
  }

  has(key: string): boolean {
    return this.set.has(key);
  }

  toggle(key: string): void {
    const next = new Set(this.set);
    if (!next.delete(key)) next.add(key);
    this.#from = key;
    this.set = next;
  }

  /** From the last one that was marked (or `begin`) to `key`, in the order of the list. */
  range(keys: string[], key: string, begin: string | null): void {
    const from = keys.indexOf(this.#from ?? begin ?? key);
    const to = keys.indexOf(key);
    if (to === -1) return;
    const [low, high] = from === -1 ? [to, to] : [Math.min(from, to), Math.max(from, to)];
    this.#from ??= keys[low === to ? high : low] ?? key;
    this.set = new Set([...this.set, ...keys.slice(low, high + 1)]);
  }

  all(keys: string[]): void {
    this.set = new Set(keys);
  }

  clear(): void {
    this.set = new Set();
    this.#from = null;
  }
}
