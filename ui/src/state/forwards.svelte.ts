// Where deliveries are passed on to: the kept targets, how they stand, and what is dead.

import type { Forward, ForwardTarget, ForwardWhat } from '../backend/bindings';
import { words } from '../text/words.svelte';
import type { Desk } from './desk.svelte';
import { Task } from './task.svelte';

/** While it is shown it is looked at so often, ms: the couriers tell nobody. */
const LOOK = 2_000;
const DEAD_SHOWN = 50;

export const WHATS: ForwardWhat[] = ['accepted', 'each', 'rejected'];

export class Forwards {
  targets = $state.raw<ForwardTarget[]>([]);
  dead = $state.raw<Forward[]>([]);
  url = $state('');
  what = $state<ForwardWhat>('accepted');
  eventType = $state('');
  allowPrivate = $state(false);
  since = $state('');
  adding = new Task();
  changing = new Task();
  recovering = new Task();

  constructor(private readonly desk: Desk) {}

  /** Looks now and again until the answer is called. */
  watch(): () => void {
    void this.read();
    const timer = setInterval(() => void this.read(), LOOK);
    return () => clearInterval(timer);
  }

  async read(): Promise<void> {
    try {
      this.targets = await this.desk.commands.forwardTargetList();
      this.dead = (await this.desk.commands.forwardList({ state: 'dead', since: null, limit: DEAD_SHOWN, after: null })).items;
    } catch {
      // What was read last stays; the next look asks again.
    }
  }

  async add(): Promise<void> {
    const input = { url: this.url.trim(), what: this.what, event_type: this.eventType.trim() || null, allow_private: this.allowPrivate };
    const added = await this.adding.run(() => this.desk.commands.forwardTargetAdd(input));
    if (!added) return;
    this.url = this.eventType = '';
    this.what = 'accepted';
    this.allowPrivate = false;
    await this.read();
  }

  async pause(target: ForwardTarget): Promise<void> {
    await this.changing.run(() => this.desk.commands.forwardTargetPause(target.url, !target.paused));
    await this.read();
  }

  async remove(target: ForwardTarget): Promise<void> {
    await this.changing.run(() => this.desk.commands.forwardTargetRemove(target.url));
    await this.read();
  }

  async recover(): Promise<void> {
    const input = { since: this.since || null, targets: [], allow_private: false };
    const count = await this.recovering.run(() => this.desk.commands.forwardRecover(input));
    if (count === undefined) return;
    this.desk.toasts.show({ tone: 'good', text: words.t.forward.recovered(count) });
    await this.read();
  }
}
