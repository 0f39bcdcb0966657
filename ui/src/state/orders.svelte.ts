// The list of orders, the one that is open, and what can be done with it.

import type { Dossier, Event, Order, OrderInput, Refund, RefundInput, Via } from '../backend/bindings';
import { money } from '../format/money';
import { words } from '../text/words.svelte';
import type { Desk, Hearer } from './desk.svelte';
import { Feed } from './feed.svelte';
import { Task } from './task.svelte';

export type OrderTab = 'timeline' | 'requests' | 'callbacks' | 'refunds' | 'json';
export interface OrderConditions {
  state: string | null;
  search: string;
}

/** States that can be filtered by, in the order of an order's life. */
export const STATES = ['CREATED', 'NOTPAY', 'USERPAYING', 'SUCCESS', 'REFUND', 'CLOSED', 'PAYERROR'] as const;

/** Of an order's refunds, the money that went or is going. */
export const refundedOf = (refunds: Refund[]): number =>
  refunds.filter((refund) => refund.status !== 'CLOSED' && refund.status !== 'REFUSED').reduce((sum, refund) => sum + refund.amount.refund, 0);

export class Orders implements Hearer {
  readonly feed: Feed<Order>;
  conditions = $state.raw<OrderConditions>({ state: null, search: '' });
  /** Which is selected; its dossier follows. */
  selected = $state<string | null>(null);
  dossier = $state.raw<Dossier | null>(null);
  tab = $state<OrderTab>('timeline');
  /** The form for a new one is open. */
  creating = $state(false);
  /** The form for a refund is open. */
  refunding = $state(false);
  /** The QR code is shown large. */
  showing = new Task();
  /** What was asked of the open order: prepay, query, close, refund. */
  acting = new Task();
  making = new Task();

  #turn = 0;
  #typing: ReturnType<typeof setTimeout> | undefined;

  constructor(private readonly desk: Desk) {
    this.feed = new Feed<Order>({
      key: (order) => order.out_trade_no,
      at: (order) => order.created_at,
      page: (limit, after) => {
        const { state, search } = this.conditions;
        return desk.commands.orderList(desk.m, { state, search: search.trim() || null, limit, after });
      },
    });
  }

  get filtered(): boolean {
    return this.conditions.state !== null || this.conditions.search.trim() !== '';
  }

  /** The refunds of the open order that count. */
  get refundable(): number {
    const open = this.dossier;
    return open ? open.amount.total - Math.max(open.refunded, refundedOf(open.refunds)) : 0;
  }

  merchantChanged(): void {
    this.conditions = this.desk.view.filter(`orders ${this.desk.m}`, { state: null, search: '' });
    this.selected = this.dossier = null;
    this.refunding = false;
    if (this.desk.m !== null) void this.feed.reload();
  }

  heard(events: Event[], missed: boolean): void {
    const changed = events.filter((event) => event.kind === 'order_changed');
    if (missed || changed.length > 0) void this.#freshen(changed.map((event) => event.out_trade_no));
    const open = this.selected;
    if (open && (missed || events.some((event) => event.kind === 'callback_received' || ('out_trade_no' in event && event.out_trade_no === open)))) void this.#reread(open);
  }

  /** New conditions; typing waits a moment before it asks. */
  where(conditions: Partial<OrderConditions>, typing = false): void {
    this.conditions = { ...this.conditions, ...conditions };
    this.desk.view.keepFilter(`orders ${this.desk.m}`, this.conditions);
    clearTimeout(this.#typing);
    if (typing) this.#typing = setTimeout(() => void this.feed.reload(), 120);
    else void this.feed.reload();
  }

  /** Selects and shows one. */
  async open(outTradeNo: string, tab: OrderTab = 'timeline'): Promise<void> {
    this.creating = false;
    if (this.selected !== outTradeNo) {
      this.tab = tab;
      this.refunding = false;
      this.acting.leave();
      this.acting.clear();
      if (this.dossier?.out_trade_no !== outTradeNo) this.dossier = null;
    } else if (tab !== 'timeline') this.tab = tab;
    this.selected = outTradeNo;
    this.desk.phone.follow(outTradeNo);
    const turn = ++this.#turn;
    const dossier = await this.showing.run(() => this.desk.commands.orderShow(this.desk.m, outTradeNo));
    if (dossier && turn === this.#turn) this.#show(dossier);
  }

  /** Nothing is selected. */
  leave(): void {
    this.#turn++;
    this.selected = this.dossier = null;
    this.refunding = false;
    this.desk.phone.close();
  }

  /** Makes an order; with a channel it is prepaid at once. */
  async create(input: OrderInput, via: Via | null = null): Promise<boolean> {
    const made = this.#made(await this.making.run(() => this.desk.commands.orderCreate(this.desk.m, input)));
    if (made && via !== null) await this.prepay(via);
    return made;
  }

  /** One key, one small order to try things with. */
  async test(): Promise<boolean> {
    const made = this.#made(await this.making.run(() => this.desk.commands.testOrder(this.desk.m)));
    if (this.making.problem) this.desk.fail(this.making.problem);
    return made;
  }

  async prepay(via: Via): Promise<void> {
    const no = this.selected;
    if (!no) return;
    const prepaid = await this.acting.run(() => this.desk.commands.orderPrepay(this.desk.m, no, via));
    if (prepaid) {
      this.#changed(prepaid.order);
      // The phone that lies beside it takes what the new prepay gave.
      if (this.desk.phone.beside === no) void this.desk.phone.take(no);
    }
    await this.#reread(no);
  }

  async query(): Promise<void> {
    const no = this.selected;
    if (!no) return;
    const order = await this.acting.run(() => this.desk.commands.orderQuery(this.desk.m, no));
    if (order) {
      this.#changed(order);
      this.desk.toasts.show({ tone: 'plain', text: words.t.toast.queried, detail: `${no} · ${words.of(words.t.state, order.state)}` });
    }
    await this.#reread(no);
  }

  async close(): Promise<void> {
    const open = this.dossier;
    if (!open) return;
    const t = words.t.order;
    const sure = await this.desk.ask({ title: t.closeTitle, text: `${open.out_trade_no}\n${t.closeText}`, amount: this.desk.pretend ? undefined : money(open.amount.total), yes: t.closeOrder, danger: true });
    if (!sure) return;
    const order = await this.acting.run(() => this.desk.commands.orderClose(this.desk.m, open.out_trade_no));
    if (order) {
      this.#changed(order);
      this.desk.toasts.show({ tone: 'plain', text: words.t.toast.closed(open.out_trade_no) });
    }
    await this.#reread(open.out_trade_no);
  }

  async refund(input: RefundInput): Promise<void> {
    const open = this.dossier;
    if (!open) return;
    const amount = money(input.amount ?? this.refundable);
    if (!this.desk.pretend) {
      const t = words.t.order;
      if (!(await this.desk.ask({ title: t.refundTitle, text: t.refundLive, amount, yes: t.refundGo(amount), danger: true }))) return;
    }
    const refund = await this.acting.run(() => this.desk.commands.orderRefund(this.desk.m, open.out_trade_no, input));
    if (refund) {
      this.refunding = false;
      this.tab = 'refunds';
      this.desk.toasts.show({ tone: 'good', text: words.t.toast.refunded(amount), detail: refund.out_refund_no });
    }
    await this.#reread(open.out_trade_no);
  }

  #made(order: Order | undefined): boolean {
    if (!order) return false;
    this.creating = false;
    void this.feed.refresh();
    void this.open(order.out_trade_no);
    return true;
  }

  #changed(order: Order): void {
    this.feed.put(order);
  }

  async #freshen(numbers: string[]): Promise<void> {
    await this.feed.refresh();
    // What changed further down than the head reaches is asked for by number, a few at most.
    const head = new Set(this.feed.rows.slice(0, 100).map((order) => order.out_trade_no));
    const deep = [...new Set(numbers)].filter((no) => !head.has(no) && this.feed.rows.some((order) => order.out_trade_no === no));
    for (const no of deep.slice(0, 5)) {
      try {
        this.feed.put(await this.desk.commands.orderShow(this.desk.m, no));
      } catch {
        // It stays as it is shown until the list is asked again.
      }
    }
  }

  async #reread(no: string): Promise<void> {
    const turn = ++this.#turn;
    try {
      const dossier = await this.desk.commands.orderShow(this.desk.m, no);
      if (turn === this.#turn && this.selected === no) this.#show(dossier);
    } catch (thrown) {
      if (turn === this.#turn) this.desk.fail(thrown);
    }
  }

  #show(dossier: Dossier): void {
    this.dossier = dossier;
    this.desk.journal.inspected = { name: dossier.out_trade_no, value: dossier };
  }
}
