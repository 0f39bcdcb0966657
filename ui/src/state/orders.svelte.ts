// The list of orders, the one that is open, and what can be done with it.

import type { CombineInput, Combined, Dossier, Event, Lamp, Order, OrderFilter, OrderInput, OrderSort, OrderTotals, Refund, RefundInput, Via } from '../backend/bindings';
import { money, parseYuan } from '../format/money';
import { NOTHING_TYPED } from '../format/order_input';
import { words } from '../text/words.svelte';
import { Bulk, type BulkKind } from './bulk.svelte';
import { Conditions } from './conditions.svelte';
import type { Desk, Hearer } from './desk.svelte';
import { Feed } from './feed.svelte';
import { Marks } from './marks.svelte';
import { Task } from './task.svelte';

export type OrderTab = 'timeline' | 'requests' | 'callbacks' | 'refunds' | 'json';
export interface OrderConditions {
  search: string;
  states: string[];
  vias: Via[];
  callbacks: Lamp[];
  /** `YYYY-MM-DD`, or empty. */
  since: string;
  until: string;
  /** Yuan as typed, or empty. */
  amountFrom: string;
  amountTo: string;
  sort: OrderSort;
}

export const NO_CONDITIONS: OrderConditions = { search: '', states: [], vias: [], callbacks: [], since: '', until: '', amountFrom: '', amountTo: '', sort: 'newest' };
export const VIAS: Via[] = ['jsapi', 'native', 'app', 'h5'];
export const LAMPS: Lamp[] = ['none', 'applied', 'duplicate', 'held', 'rejected', 'failed'];
export const SORTS: OrderSort[] = ['newest', 'oldest', 'largest', 'smallest'];

/** States that can be filtered by, in the order of an order's life. */
export const STATES = ['CREATED', 'NOTPAY', 'USERPAYING', 'SUCCESS', 'REFUND', 'CLOSED', 'PAYERROR'] as const;

/** Of an order's refunds, the money that went or is going. */
export const refundedOf = (refunds: Refund[]): number =>
  refunds.filter((refund) => refund.status !== 'CLOSED' && refund.status !== 'REFUSED').reduce((sum, refund) => sum + refund.amount.refund, 0);

/** A refund's status in words: its success is not that of a payment. */
export const refundWord = (status: string): string => words.of(words.t.state, status === 'SUCCESS' ? 'refundSUCCESS' : status);

/** A refund of the same amount that counts. */
export const twinOf = (refunds: Refund[], fen: number): Refund | undefined =>
  refunds.find((refund) => refund.amount.refund === fen && refund.status !== 'CLOSED' && refund.status !== 'REFUSED');

export class Orders implements Hearer {
  readonly feed: Feed<Order>;
  readonly conditions: Conditions<OrderConditions>;
  /** Number and sum of all that the conditions let through. */
  totals = $state.raw<OrderTotals | null>(null);
  readonly marks = new Marks();
  readonly bulk = new Bulk();
  /** The panel of filters is open. */
  filtering = $state(false);
  /** Which is selected; its dossier follows. */
  selected = $state<string | null>(null);
  dossier = $state.raw<Dossier | null>(null);
  tab = $state<OrderTab>('timeline');
  /** The form for a new one is open. */
  creating = $state(false);
  /** What was typed for a new order; a form that was closed opens again with it. */
  draft = $state({ ...NOTHING_TYPED });
  /** The QR code is shown large, to a customer. */
  across = $state(false);
  /** The combined order that is shown: several orders behind one payment. */
  combined = $state.raw<Combined | null>(null);
  combining = new Task();
  /** The form for a refund is open. */
  refunding = $state(false);
  showing = new Task();
  /** What was asked of the open order: prepay, query, close, refund. */
  acting = new Task();
  making = new Task();

  #turn = 0;
  #counting = 0;

  constructor(private readonly desk: Desk) {
    this.feed = new Feed<Order>({
      key: (order) => order.out_trade_no,
      at: (order) => order.created_at,
      page: (limit, after) => {
        return desk.commands.orderLook(desk.m, { ...this.filter, limit, after });
      },
      newest: () => this.conditions.now.sort === 'newest',
    });
    this.conditions = new Conditions(desk.view, 'orders', NO_CONDITIONS, () => this.#ask());
  }

  /** The conditions as the program takes them; an amount that is none narrows nothing. */
  get filter(): OrderFilter {
    const { search, states, vias, callbacks, since, until, amountFrom, amountTo, sort } = this.conditions.now;
    const fen = (typed: string) => {
      const parsed = parseYuan(typed);
      return 'fen' in parsed ? parsed.fen : null;
    };
    return { search: search.trim() || null, states, vias, callbacks, since: since || null, until: until || null, amount_from: fen(amountFrom), amount_to: fen(amountTo), sort };
  }

  /** Something but the sorting is not as it is at first. */
  get filtered(): boolean {
    const { sort, ...rest } = this.conditions.now;
    return Object.entries(rest).some(([key, value]) => value.length > 0 && (key !== 'search' || String(value).trim() !== ''));
  }

  /** The refunds of the open order that count. */
  get refundable(): number {
    const open = this.dossier;
    return open ? open.amount.total - Math.max(open.refunded, refundedOf(open.refunds)) : 0;
  }

  /** Something can be given back, or a refund whose outcome is unknown can be asked for again. */
  get mayRefund(): boolean {
    return this.refundable > 0 || (this.dossier?.refunds.some((refund) => refund.status === 'UNKNOWN') ?? false);
  }

  merchantChanged(): void {
    this.conditions.restore(this.desk.m);
    this.selected = this.dossier = this.combined = null;
    this.refunding = false;
    this.totals = null;
    this.bulk.stop();
    if (this.desk.m !== null) this.#ask();
  }

  heard(events: Event[], missed: boolean): void {
    const changed = events.filter((event) => event.kind === 'order_changed');
    if (missed || changed.length > 0) {
      void this.#freshen(changed.map((event) => event.out_trade_no));
      void this.#count();
    }
    const whole = this.combined;
    if (whole && (missed || changed.some((event) => whole.sub_orders.some((order) => order.out_trade_no === event.out_trade_no)))) void this.combinedDo('show');
    const open = this.selected;
    if (open && (missed || events.some((event) => event.kind === 'callback_received' || ('out_trade_no' in event && event.out_trade_no === open)))) void this.#reread(open);
  }

  /** New conditions; typing waits a moment before it asks. */
  where(part: Partial<OrderConditions>, typing = false): void {
    this.desk.books.shown = false;
    this.conditions.set(part, typing);
  }

  /** All conditions away; a message offers them back. */
  clearFilters(): void {
    const { sort } = this.conditions.now;
    const undo = this.conditions.clear();
    if (sort !== 'newest') this.conditions.set({ sort });
    this.desk.toasts.show({ tone: 'plain', text: words.t.orders.cleared, undo });
  }

  /** Marks or unmarks the selected one. */
  markSelected(): void {
    if (this.selected) this.marks.toggle(this.selected);
  }

  /** What is marked, as far as it is in the list. */
  get marked(): Order[] {
    return this.feed.rows.filter((order) => this.marks.has(order.out_trade_no));
  }

  /** Of the marked ones, those that it makes sense for. */
  eligible(kind: BulkKind): string[] {
    const fits = kind === 'query' ? (order: Order) => order.state !== 'CREATED' : (order: Order) => ['NOTPAY', 'USERPAYING', 'PAYERROR'].includes(order.state);
    return this.marked.filter(fits).map((order) => order.out_trade_no);
  }

  /** Does it to all that are marked; how many is asked first. */
  async bulkBegin(kind: BulkKind): Promise<void> {
    const numbers = this.eligible(kind);
    const t = words.t.bulk;
    if (numbers.length === 0 || this.bulk.running) return;
    const skipped = this.marks.size - numbers.length;
    const text = [kind === 'close' ? t.closeText : t.queryText, skipped > 0 ? t.skipped(skipped) : ''].filter(Boolean).join('\n');
    const title = kind === 'close' ? t.closeTitle(numbers.length) : t.queryTitle(numbers.length);
    if (!(await this.desk.ask({ title, text, yes: title.replace(/[?？]$/, ''), danger: kind === 'close' }))) return;
    await this.bulk.begin(kind, numbers, (no) => this.#bulkOne(no));
    if (this.bulk.failures.length === 0 && this.bulk.rest.length === 0) this.marks.clear();
  }

  /** Of the marked ones, those that can be put behind one payment; none, if they are too few or too many for that. */
  get combinable(): string[] {
    const free = this.marked.filter((order) => order.state === 'CREATED' && !order.outcome_unknown && !order.combine_out_trade_no);
    return free.length >= 2 && free.length <= 10 ? free.map((order) => order.out_trade_no) : [];
  }

  /** Puts the marked ones behind one payment and shows its code. */
  async combine(): Promise<void> {
    const input: CombineInput = { orders: this.combinable, combine_out_trade_no: null, openid: null, notify_url: null, fields: null };
    const whole = await this.combining.run(() => this.desk.commands.combineCreate(this.desk.m, input));
    if (!whole) return this.combining.problem ? this.desk.fail(this.combining.problem) : undefined;
    this.marks.clear();
    this.combined = whole;
    await this.combinedDo('prepay');
  }

  async showCombined(number: string): Promise<void> {
    const whole = await this.combining.run(() => this.desk.commands.combineShow(this.desk.m, number));
    if (whole) this.combined = whole;
    else if (this.combining.problem) this.desk.fail(this.combining.problem);
  }

  /** What can be done with the combined order that is shown. */
  async combinedDo(verb: 'show' | 'prepay' | 'query' | 'close', via: Via = 'native'): Promise<void> {
    const number = this.combined?.combine_out_trade_no;
    if (number === undefined) return;
    const { commands, m } = this.desk;
    const whole = await this.combining.run(() => {
      if (verb === 'prepay') return commands.combinePrepay(m, number, via);
      return verb === 'query' ? commands.combineQuery(m, number) : verb === 'close' ? commands.combineClose(m, number) : commands.combineShow(m, number);
    });
    if (!whole || this.combined?.combine_out_trade_no !== number) return;
    this.combined = whole;
    for (const order of whole.sub_orders) this.#changed(order);
  }

  /** Goes on with what a stop left. */
  bulkGo = (): Promise<void> => this.bulk.go((no) => this.#bulkOne(no));
  /** Those that failed once more. */
  bulkAgain = (): Promise<void> => this.bulk.again((no) => this.#bulkOne(no));

  async #bulkOne(no: string): Promise<void> {
    const { commands, m } = this.desk;
    this.#changed(await (this.bulk.kind === 'close' ? commands.orderClose(m, no) : commands.orderQuery(m, no)));
  }

  #ask(): void {
    this.marks.clear();
    void this.feed.reload();
    void this.#count();
  }

  /** The newest answer wins; while one is under way the old sum stays. */
  async #count(): Promise<void> {
    const turn = ++this.#counting;
    try {
      const totals = await this.desk.commands.orderTotals(this.desk.m, this.filter);
      if (turn === this.#counting) this.totals = totals;
    } catch {
      // The list itself says what is wrong.
      if (turn === this.#counting) this.totals = null;
    }
  }

  /** The form for a new one, on the list of orders. */
  begin(): void {
    this.desk.books.shown = false;
    this.creating = true;
  }

  /** Selects and shows one. */
  async open(outTradeNo: string, tab: OrderTab = 'timeline'): Promise<void> {
    this.desk.books.shown = false;
    this.creating = false;
    if (this.selected !== outTradeNo) {
      this.across = false;
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
    this.refunding = this.across = false;
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
    const fen = input.amount ?? this.refundable;
    const amount = money(fen);
    const t = words.t.order;
    // one under a number of its own can't be refunded twice, whatever is pressed; a new one can
    const twin = input.out_refund_no ? undefined : twinOf(open.refunds, fen);
    if (twin) {
      const text = words.t.books.refundTwin(twin.out_refund_no, refundWord(twin.status));
      if (!(await this.desk.ask({ title: words.t.books.refundTwinTitle, text, amount, yes: t.refundGo(amount), danger: true }))) return;
    } else if (!this.desk.pretend) {
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

  /** Asks what became of a refund, or sends an abnormal one to the merchant's account. */
  async settleRefund(refund: Refund, how: 'query' | 'account'): Promise<void> {
    const { m, commands, pretend } = this.desk;
    const t = words.t.books;
    if (how === 'account' && !pretend && !(await this.desk.ask({ title: t.refundToAccount, text: `${refund.out_refund_no}\n${t.refundAbnormal}`, amount: money(refund.amount.refund), yes: t.refundToAccount, danger: true }))) return;
    await this.acting.run(() => (how === 'query' ? commands.refundQuery(m, refund.out_refund_no) : commands.refundToAccount(m, refund.out_refund_no)));
    await this.#reread(refund.out_trade_no);
  }

  #made(order: Order | undefined): boolean {
    if (!order) return false;
    this.creating = false;
    this.draft = { ...NOTHING_TYPED };
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
