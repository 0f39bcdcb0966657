// One piece of work that a person waits for: waiting, done, failed. Shows itself after 300 ms, can be left after 3 s.

import { problemOf } from '../backend/call';
import type { Problem } from '../backend/bindings';

/** From here on progress is shown, ms. */
const SLOW = 300;
/** From here on the wait can be ended, ms. */
const LONG = 3000;

export class Task {
  /** Under way. */
  busy = $state(false);
  /** Under way for long enough that it should be seen. */
  slow = $state(false);
  /** Under way for long enough that a person may stop waiting. */
  long = $state(false);
  /** Why it failed, until the next try. */
  problem = $state.raw<Problem | null>(null);

  #turn = 0;
  #timers: ReturnType<typeof setTimeout>[] = [];

  /** Runs the work; undefined when it failed (`problem` says why), was overtaken by a newer run, or was left. */
  async run<T>(work: () => Promise<T>): Promise<T | undefined> {
    const turn = ++this.#turn;
    this.#settle();
    this.busy = true;
    this.problem = null;
    this.#timers = [setTimeout(() => (this.slow = true), SLOW), setTimeout(() => (this.long = true), LONG)];
    try {
      const result = await work();
      return turn === this.#turn ? result : undefined;
    } catch (thrown) {
      if (turn === this.#turn) this.problem = problemOf(thrown);
      return undefined;
    } finally {
      if (turn === this.#turn) this.#settle();
    }
  }

  /** Stops waiting. What was asked for may still happen; it comes back as an event. */
  leave(): void {
    this.#turn++;
    this.#settle();
  }

  /** Forgets the failure. */
  clear(): void {
    this.problem = null;
  }

  #settle(): void {
    for (const timer of this.#timers) clearTimeout(timer);
    this.#timers = [];
    this.busy = this.slow = this.long = false;
  }
}
