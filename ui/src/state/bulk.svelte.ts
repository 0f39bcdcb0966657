// One thing done to many orders, one after the other: how far it is, what failed and why, stopping, and going on.

import { problemOf } from '../backend/call';
import type { Problem } from '../backend/bindings';

export type BulkKind = 'query' | 'close';

export interface BulkFailure {
  no: string;
  problem: Problem;
}

export class Bulk {
  kind = $state<BulkKind>('query');
  /** All that it was begun with; 0: none was begun, or it was put away. */
  total = $state(0);
  done = $state(0);
  failures = $state.raw<BulkFailure[]>([]);
  /** Not done yet. */
  rest = $state.raw<string[]>([]);
  running = $state(false);
  #stop = false;

  get shown(): boolean {
    return this.total > 0;
  }

  /** Does it to every one. What fails stays in `failures`; what a stop leaves stays in `rest`. */
  async begin(kind: BulkKind, numbers: string[], one: (no: string) => Promise<unknown>): Promise<void> {
    if (this.running) return;
    this.kind = kind;
    this.total = numbers.length;
    this.done = 0;
    this.failures = [];
    this.rest = numbers;
    await this.go(one);
  }

  /** Goes on with what is left. */
  async go(one: (no: string) => Promise<unknown>): Promise<void> {
    if (this.running) return;
    this.running = true;
    this.#stop = false;
    while (!this.#stop) {
      const [no, ...rest] = this.rest;
      if (no === undefined) break;
      try {
        await one(no);
        this.done++;
      } catch (thrown) {
        this.failures = [...this.failures, { no, problem: problemOf(thrown) }];
      }
      this.rest = rest;
    }
    this.running = false;
  }

  /** Those that failed once more. */
  async again(one: (no: string) => Promise<unknown>): Promise<void> {
    if (this.running) return;
    this.rest = [...this.failures.map((failure) => failure.no), ...this.rest];
    this.failures = [];
    await this.go(one);
  }

  /** After the one that is under way. */
  stop(): void {
    this.#stop = true;
  }

  /** Away with it. */
  clear(): void {
    if (!this.running) this.total = 0;
  }
}
