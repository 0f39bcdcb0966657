// The sandbox's switchboard: clock, faults, notifications, requests. Asked for while its screen is shown, and on its news.

import type { ApiFault, ApiFaultKind, CallbackFault, ClockView, KeyMode, NotificationView, RedeliverFault, RequestView, Switches } from '../backend/bindings';
import { words } from '../text/words.svelte';
import type { Desk } from './desk.svelte';
import { Task } from './task.svelte';

/** Requests shown. */
const REQUESTS = 100;

export class SandboxBoard {
  clock = $state.raw<ClockView | null>(null);
  faults = $state.raw<ApiFault[]>([]);
  callbackFaults = $state.raw<CallbackFault[]>([]);
  switches = $state.raw<Switches>({});
  notifications = $state.raw<NotificationView[]>([]);
  requests = $state.raw<RequestView[]>([]);
  reading = new Task();
  acting = new Task();

  #watched = false;
  #asking = false;
  #again = false;

  constructor(private readonly desk: Desk) {}

  get running(): boolean {
    return this.desk.app?.sandbox.state === 'running';
  }

  /** While watched, what the sandbox says is asked for. The answer ends it. */
  watch(): () => void {
    this.#watched = true;
    void this.#read();
    return () => (this.#watched = false);
  }

  heard(): void {
    if (this.#watched) void this.#read();
  }

  conditionChanged(): void {
    if (this.#watched) void this.#read();
  }

  async advance(seconds: number): Promise<void> {
    const clock = await this.acting.run(() => this.desk.commands.sandboxAdvance(seconds));
    if (clock) this.clock = clock;
    await this.#read();
  }

  /** Lets business time go so many times as fast as the wall's; 0 holds it. */
  async pace(rate: number): Promise<void> {
    const clock = await this.acting.run(() => this.desk.commands.sandboxPace(rate));
    if (clock) this.clock = clock;
    await this.#read();
  }

  /** Switches a fault on for the next so many requests, or off. */
  async fault(fault: ApiFaultKind | null, times: number): Promise<void> {
    const others = this.faults.filter((rule) => (rule.fault ?? null) !== fault);
    const rule: ApiFault = fault === null ? { times, latency_ms: 3000 } : { times, fault };
    await this.#setFaults(times > 0 ? [...others, rule] : others);
  }

  async noFaults(): Promise<void> {
    await this.#setFaults([]);
    await this.#setCallbackFaults([]);
  }

  /** Spoils the next so many notifications, or no more. */
  async spoil(fault: RedeliverFault, times: number): Promise<void> {
    const others = this.callbackFaults.filter((rule) => rule.fault !== fault);
    await this.#setCallbackFaults(times > 0 ? [...others, { fault, times }] : others);
  }

  /** Which key signs answers and notifications. */
  async signBy(mode: KeyMode): Promise<void> {
    const switches = await this.acting.run(() => this.desk.commands.sandboxSetSwitches({ mode }));
    if (switches) this.switches = switches;
  }

  async redeliver(id: string, fault: RedeliverFault | null): Promise<void> {
    const attempt = await this.acting.run(() => this.desk.commands.sandboxRedeliver(id, fault));
    if (attempt) this.desk.toasts.show({ tone: 'plain', text: words.t.sandbox.redelivered(attempt.status === null ? (attempt.error ?? words.t.sandbox.noStatus) : String(attempt.status)) });
    await this.#read();
  }

  async reset(): Promise<void> {
    const t = words.t.sandbox;
    if (!(await this.desk.ask({ title: t.resetTitle, text: t.resetText, yes: t.reset, danger: true }))) return;
    const done = await this.acting.run(async () => {
      await this.desk.commands.sandboxReset();
      return true;
    });
    if (done) this.desk.toasts.show({ tone: 'plain', text: words.t.toast.reset });
    await this.#read();
  }

  async #setFaults(faults: ApiFault[]): Promise<void> {
    const set = await this.acting.run(() => this.desk.commands.sandboxSetFaults(faults));
    if (set) this.faults = set;
  }

  async #setCallbackFaults(faults: CallbackFault[]): Promise<void> {
    const set = await this.acting.run(() => this.desk.commands.sandboxSetCallbackFaults(faults));
    if (set) this.callbackFaults = set;
  }

  async #read(): Promise<void> {
    if (!this.running) return;
    if (this.#asking) {
      this.#again = true;
      return;
    }
    this.#asking = true;
    do {
      this.#again = false;
      const { commands } = this.desk;
      const all = await this.reading.run(() =>
        Promise.all([
          commands.sandboxClock(),
          commands.sandboxFaults(),
          commands.sandboxCallbackFaults(),
          commands.sandboxSwitches(),
          commands.sandboxNotifications(),
          commands.sandboxRequests(REQUESTS),
        ]),
      );
      if (all) [this.clock, this.faults, this.callbackFaults, this.switches, this.notifications, this.requests] = all;
    } while (this.#again);
    this.#asking = false;
  }
}
