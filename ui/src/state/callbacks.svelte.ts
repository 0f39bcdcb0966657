// The history of callbacks and the one that is open.

import type { Callback, CallbackDossier, Event, Verdict } from '../backend/bindings';
import { words } from '../text/words.svelte';
import type { Desk, Hearer } from './desk.svelte';
import { Feed } from './feed.svelte';
import { Task } from './task.svelte';

export const VERDICTS: Verdict[] = ['applied', 'duplicate', 'held', 'rejected', 'failed'];
export type CallbackTab = 'checks' | 'raw' | 'signed';

export interface CallbackConditions {
  verdict: Verdict | null;
  outTradeNo: string;
}

export class Callbacks implements Hearer {
  readonly feed: Feed<Callback>;
  conditions = $state.raw<CallbackConditions>({ verdict: null, outTradeNo: '' });
  selected = $state<string | null>(null);
  dossier = $state.raw<CallbackDossier | null>(null);
  /** All deliveries for the order of the open one, itself included. */
  deliveries = $state.raw<Callback[]>([]);
  tab = $state<CallbackTab>('checks');
  showing = new Task();
  acting = new Task();

  #typing: ReturnType<typeof setTimeout> | undefined;

  constructor(private readonly desk: Desk) {
    this.feed = new Feed<Callback>({
      key: (callback) => callback.id,
      at: (callback) => callback.received_at,
      page: (limit, after) => {
        const { verdict, outTradeNo } = this.conditions;
        return desk.commands.callbackList(desk.m, { verdict, out_trade_no: outTradeNo.trim() || null, limit, after });
      },
    });
  }

  get filtered(): boolean {
    return this.conditions.verdict !== null || this.conditions.outTradeNo.trim() !== '';
  }

  merchantChanged(): void {
    this.conditions = this.desk.view.filter(`callbacks ${this.desk.m}`, { verdict: null, outTradeNo: '' });
    this.selected = this.dossier = null;
    if (this.desk.m !== null) void this.feed.reload();
  }

  heard(events: Event[], missed: boolean): void {
    if (!missed && !events.some((event) => event.kind === 'callback_received')) return;
    void this.feed.refresh();
    if (this.dossier) void this.#readDeliveries(this.dossier);
  }

  where(conditions: Partial<CallbackConditions>, typing = false): void {
    this.conditions = { ...this.conditions, ...conditions };
    this.desk.view.keepFilter(`callbacks ${this.desk.m}`, this.conditions);
    clearTimeout(this.#typing);
    if (typing) this.#typing = setTimeout(() => void this.feed.reload(), 120);
    else void this.feed.reload();
  }

  async open(id: string): Promise<void> {
    if (this.selected !== id) this.dossier = null;
    this.deliveries = [];
    this.selected = id;
    this.acting.clear();
    const dossier = await this.showing.run(() => this.desk.commands.callbackShow(id));
    if (!dossier || this.selected !== id) return;
    this.#show(dossier);
    await this.#readDeliveries(dossier);
  }

  leave(): void {
    this.selected = this.dossier = null;
  }

  /** Tries a held or failed one again. */
  async apply(): Promise<void> {
    const id = this.selected;
    if (!id) return;
    const callback = await this.acting.run(() => this.desk.commands.callbackApply(id));
    if (!callback) return;
    this.feed.put(callback);
    this.desk.toasts.show({ tone: callback.verdict === 'applied' ? 'good' : 'plain', text: words.t.verdict[callback.verdict], detail: callback.out_trade_no ?? undefined });
    await this.open(id);
  }

  async #readDeliveries({ id, out_trade_no }: CallbackDossier): Promise<void> {
    if (out_trade_no === null) return;
    try {
      const page = await this.desk.commands.callbackList(this.desk.m, { out_trade_no, limit: 50 });
      if (this.selected === id) this.deliveries = page.items;
    } catch {
      // The delivery itself is shown; its neighbours are extra.
    }
  }

  #show(dossier: CallbackDossier): void {
    this.dossier = dossier;
    this.desk.journal.inspected = { name: dossier.id, value: dossier };
  }
}
