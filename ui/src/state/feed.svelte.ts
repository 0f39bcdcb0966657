// A list that comes in keyset pages, newest first, and is kept fresh from its head when something changed.

import type { Page } from '../backend/bindings';
import { Task } from './task.svelte';

/** Rows in one page. */
export const PAGE = 100;
/** So many rows fill a screen: until then a beginning looks on. */
const SCREEN = 30;

export interface Source<T> {
  /** Asks for a page. */
  page(limit: number, after: string | null): Promise<Page<T>>;
  /** What tells rows apart. */
  key(row: T): string;
  /** When the row was made, RFC 3339: what the list is sorted by. */
  at(row: T): string;
  /** False: it is sorted by something else now, so news can't be laid over its head. */
  newest?(): boolean;
}

export interface Place {
  top: number;
  selected: string | null;
}

export class Feed<T> {
  rows = $state.raw<T[]>([]);
  /** There are older rows. */
  more = $state(false);
  /** The first answer is there. */
  ready = $state(false);
  /** Counts beginnings: a list that starts anew starts at its top. */
  beginnings = $state(0);
  /** Where the list was left, and what was selected then. Written by the list, read when it comes back. */
  readonly place: Place = { top: 0, selected: null };
  loading = new Task();
  extending = new Task();

  #next: string | null = null;
  #era = 0;
  #refreshing = false;
  #again = false;

  constructor(private readonly source: Source<T>) {}

  /** From the beginning: the merchant or the filters changed. */
  async reload(): Promise<void> {
    const era = ++this.#era;
    this.beginnings++;
    this.extending.leave();
    const page = await this.loading.run(() => this.source.page(PAGE, null));
    if (page && era === this.#era) {
      this.#take(page.items, page.next);
      this.ready = true;
      if (this.rows.length < SCREEN) await this.extend();
    }
  }

  /** The next page. One look may find little or nothing and still not be the end: then it looks on, until there is
   * something to show, or until it is stopped. */
  async extend(): Promise<void> {
    if (this.#next === null || this.extending.busy) return;
    const era = this.#era;
    const before = this.rows.length;
    await this.extending.run(async () => {
      while (era === this.#era && this.#next !== null && this.rows.length < before + SCREEN) {
        const page = await this.source.page(PAGE, this.#next);
        if (era !== this.#era || !this.extending.busy) return;
        const known = new Set(this.rows.map((row) => this.source.key(row)));
        this.#take([...this.rows, ...page.items.filter((row) => !known.has(this.source.key(row)))], page.next);
      }
    });
  }

  /** Looks no further; the next `extend` goes on from there. */
  stop(): void {
    this.extending.leave();
  }

  /** Asks for the head again and lays it over what is there. Calls while one is under way become one more. */
  async refresh(): Promise<void> {
    if (this.#refreshing) {
      this.#again = true;
      return;
    }
    this.#refreshing = true;
    try {
      do {
        this.#again = false;
        const era = this.#era;
        const page = await this.source.page(PAGE, null);
        if (era === this.#era) this.#lay(page);
      } while (this.#again);
    } catch {
      // The rows stay as they are; whoever asks next tells what is wrong.
    } finally {
      this.#refreshing = false;
    }
  }

  /** Replaces a row that is in the list. */
  put(row: T): void {
    const key = this.source.key(row);
    this.rows = this.rows.map((old) => (this.source.key(old) === key ? row : old));
  }

  #lay(page: Page<T>): void {
    this.ready = true;
    if (this.source.newest?.() === false && this.more) {
      for (const row of page.items) this.put(row);
      return;
    }
    const last = page.items.at(-1);
    if (page.next === null || last === undefined) return this.#take(page.items, page.next);
    const fresh = new Set(page.items.map((row) => this.source.key(row)));
    const edge = Date.parse(this.source.at(last));
    const overlaps = this.rows.some((row) => fresh.has(this.source.key(row)));
    const older = overlaps ? this.rows.filter((row) => !fresh.has(this.source.key(row)) && Date.parse(this.source.at(row)) <= edge) : [];
    this.#take([...page.items, ...older], older.length > 0 ? this.#next : page.next);
  }

  #take(rows: T[], next: string | null): void {
    this.rows = rows;
    this.#next = next;
    this.more = next !== null;
  }
}
