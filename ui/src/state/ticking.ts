// The wall clock as something that can be read in markup. It ticks only while somebody looks.

import { createSubscriber } from 'svelte/reactivity';

class Ticking {
  #subscribe: () => void;

  constructor(every: number) {
    this.#subscribe = createSubscriber((update) => {
      const timer = setInterval(update, every);
      return () => clearInterval(timer);
    });
  }

  /** The time now; asks to be read again after the next tick. */
  get now(): Date {
    this.#subscribe();
    return new Date();
  }
}

/** For countdowns. */
export const seconds = new Ticking(1000);
/** For names of days. */
export const minutes = new Ticking(30_000);
