// Every call to the gateway with both sides byte for byte and the texts that were signed; the one that is open.

import type { Event, Exchange, ExchangeSummary } from '../backend/bindings';
import type { Desk, Hearer } from './desk.svelte';
import { Feed } from './feed.svelte';
import { Task } from './task.svelte';

export class Exchanges implements Hearer {
  readonly feed: Feed<ExchangeSummary>;
  selected = $state<string | null>(null);
  exchange = $state.raw<Exchange | null>(null);
  side = $state<'ours' | 'theirs'>('ours');
  showing = new Task();

  constructor(private readonly desk: Desk) {
    this.feed = new Feed<ExchangeSummary>({
      key: (exchange) => exchange.id,
      at: (exchange) => exchange.at,
      page: (limit, after) => desk.commands.exchangeList(desk.m, limit, after),
    });
  }

  merchantChanged(): void {
    this.selected = this.exchange = null;
    if (this.desk.m !== null) void this.feed.reload();
  }

  heard(events: Event[], missed: boolean): void {
    if (missed || events.some((event) => event.kind === 'order_changed' || event.kind === 'payment_received')) void this.feed.refresh();
  }

  async open(id: string): Promise<void> {
    if (this.selected !== id) this.exchange = null;
    this.selected = id;
    const exchange = await this.showing.run(() => this.desk.commands.exchangeShow(id));
    if (!exchange || this.selected !== id) return;
    this.exchange = exchange;
    this.desk.journal.inspected = { name: `${exchange.method} ${exchange.target}`, value: exchange };
  }

  leave(): void {
    this.selected = this.exchange = null;
  }

  /** To the doctor, with this one in it. */
  async diagnose(id: string): Promise<void> {
    await this.open(id);
    if (this.exchange?.id === id) await this.desk.bench.ofExchange(this.exchange);
  }

  /** To the screen of signatures, with this one open. */
  async show(id: string): Promise<void> {
    this.desk.bench.show('exchanges');
    await this.open(id);
  }
}
