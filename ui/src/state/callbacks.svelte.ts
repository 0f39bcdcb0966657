// The history of callbacks: as a list, as lanes or by cause; the one that is open, and two that are compared.

import type { Callback, CallbackCause, CallbackDossier, CallbackFilter, CallbackForm, CallbackLane, Event, NotificationView, Verdict } from '../backend/bindings';
import { words } from '../text/words.svelte';
import type { Desk, Hearer } from './desk.svelte';
import { Feed } from './feed.svelte';
import { Marks } from './marks.svelte';
import { Task } from './task.svelte';

export const VERDICTS: Verdict[] = ['applied', 'duplicate', 'held', 'rejected', 'failed'];
export type CallbackTab = 'checks' | 'retries' | 'raw' | 'signed';
export const HISTORY_VIEWS = ['list', 'lanes', 'causes'] as const;
export type HistoryView = (typeof HISTORY_VIEWS)[number];

export interface CallbackConditions {
  verdicts: Verdict[];
  reasons: string[];
  search: string;
  outTradeNo: string;
  eventType: string;
  source: string;
  /** Received today (1), in the last so many days, or at any time (0). */
  days: number;
  folded: boolean;
}

const NONE: CallbackConditions = { verdicts: [], reasons: [], search: '', outTradeNo: '', eventType: '', source: '', days: 0, folded: false };

/** What tells lanes apart. */
export const laneKey = (lane: CallbackLane): string => lane.out_trade_no ?? lane.notification_id ?? '·';

export class Callbacks implements Hearer {
  readonly feed: Feed<Callback>;
  readonly lanes: Feed<CallbackLane>;
  causes = $state.raw<CallbackCause[]>([]);
  counting = new Task();
  conditions = $state.raw<CallbackConditions>(NONE);
  shown = $state<HistoryView>('list');
  selected = $state<string | null>(null);
  dossier = $state.raw<CallbackDossier | null>(null);
  /** All deliveries for the order of the open one, itself included. */
  deliveries = $state.raw<Callback[]>([]);
  /** All deliveries of the open one's notification, itself included. */
  attempts = $state.raw<Callback[]>([]);
  /** What the sandbox sends, by notification id: it knows its whole ladder. */
  notifications = $state.raw<Map<string, NotificationView>>(new Map());
  tab = $state<CallbackTab>('checks');
  showing = new Task();
  acting = new Task();
  exporting = new Task();
  /** Chosen by hand, to be replayed together. */
  readonly picks = new Marks();
  /** Waits for another one to be compared with. */
  marked = $state<string | null>(null);
  compared = $state.raw<[CallbackDossier, CallbackDossier] | null>(null);

  #typing: ReturnType<typeof setTimeout> | undefined;

  constructor(private readonly desk: Desk) {
    this.feed = new Feed<Callback>({
      key: (callback) => callback.id,
      at: (callback) => callback.received_at,
      page: (limit, after) => desk.commands.callbackList(desk.m, { ...this.#filter(), limit, after }),
    });
    this.lanes = new Feed<CallbackLane>({
      key: laneKey,
      at: (lane) => lane.deliveries.at(-1)?.received_at ?? '',
      page: (limit, after) => desk.commands.callbackLanes(desk.m, { ...this.#filter(), limit: Math.min(limit, 60), after }),
    });
  }

  #filter(): CallbackFilter {
    const { verdicts, reasons, search, outTradeNo, eventType, source, days, folded } = this.conditions;
    const midnight = new Date();
    midnight.setHours(0, 0, 0, 0);
    midnight.setDate(midnight.getDate() - days + 1);
    return { verdicts, reasons, search: search.trim() || null, out_trade_no: outTradeNo || null, event_type: eventType || null, source: source || null, since: days > 0 ? midnight.toISOString() : null, folded: folded && this.shown === 'list' };
  }

  get filtered(): boolean {
    const { verdicts, reasons, search, outTradeNo, eventType, source, days } = this.conditions;
    return verdicts.length > 0 || reasons.length > 0 || days > 0 || [search, outTradeNo, eventType, source].some((text) => text.trim() !== '');
  }

  /** How many deliveries have this verdict, under no filter. */
  count(verdict: Verdict): number {
    return this.causes.filter((cause) => cause.verdict === verdict).reduce((sum, cause) => sum + cause.deliveries, 0);
  }

  merchantChanged(): void {
    const view = this.desk.view.filter<HistoryView>('callbacks view', 'list');
    this.shown = HISTORY_VIEWS.includes(view) ? view : 'list';
    this.conditions = { ...NONE, ...this.desk.view.filter(`callbacks ${this.desk.m}`, NONE) };
    this.selected = this.dossier = this.marked = this.compared = null;
    if (this.desk.m !== null) this.#reload();
  }

  heard(events: Event[], missed: boolean): void {
    if (!missed && !events.some((event) => event.kind === 'callback_received')) return;
    // the list is what other screens lead to; the others only while they are looked at
    void this.feed.refresh();
    if (this.shown === 'lanes') void this.lanes.refresh();
    void this.#count();
    void this.#readNotifications();
    if (this.dossier) void this.#readDeliveries(this.dossier);
  }

  show(view: HistoryView): void {
    if (this.shown === view) return;
    this.shown = view;
    this.desk.view.keepFilter('callbacks view', view);
    this.#reload();
  }

  where(conditions: Partial<CallbackConditions>, typing = false): void {
    this.conditions = { ...this.conditions, ...conditions };
    this.desk.view.keepFilter(`callbacks ${this.desk.m}`, this.conditions);
    clearTimeout(this.#typing);
    if (typing) this.#typing = setTimeout(() => this.#reload(), 120);
    else this.#reload();
  }

  everything(): void {
    this.where({ ...NONE, folded: this.conditions.folded });
  }

  toggle(verdict: Verdict): void {
    const { verdicts } = this.conditions;
    this.where({ verdicts: verdicts.includes(verdict) ? verdicts.filter((it) => it !== verdict) : [...verdicts, verdict] });
  }

  async open(id: string): Promise<void> {
    if (this.selected !== id) this.dossier = null;
    this.deliveries = this.attempts = [];
    this.selected = id;
    this.compared = null;
    this.acting.clear();
    const dossier = await this.showing.run(() => this.desk.commands.callbackShow(id));
    if (!dossier || this.selected !== id) return;
    this.#show(dossier);
    await this.#readDeliveries(dossier);
  }

  /** Those that were chosen by hand, in the order of the list, once more. */
  replayPicked(): void {
    void this.desk.replays.ask({ ids: this.feed.rows.map((callback) => callback.id).filter((id) => this.picks.has(id)) });
  }

  /** Everything that the filter lets through, once more. */
  replayAll(): void {
    void this.desk.replays.ask({ filter: this.#filter() });
  }

  leave(): void {
    if (this.compared) this.compared = null;
    else this.selected = this.dossier = null;
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

  /** Marks one for comparing, or takes the mark away. */
  mark(id: string | null = this.selected): void {
    if (id === null) return;
    this.marked = this.marked === id ? null : id;
    if (this.marked) this.desk.toasts.show({ tone: 'plain', text: words.t.history.compare.marked(id) });
  }

  /** The marked one beside this one. */
  async compare(id: string | null = this.selected): Promise<void> {
    const marked = this.marked;
    if (marked === null || id === null || marked === id) return;
    const both = await this.showing.run(async () => [await this.desk.commands.callbackShow(marked), await this.desk.commands.callbackShow(id)] as [CallbackDossier, CallbackDossier]);
    if (!both) return;
    this.selected = id;
    this.dossier = both[1];
    this.compared = both;
  }

  swap(): void {
    if (this.compared) this.compared = [this.compared[1], this.compared[0]];
  }

  /** Onto the clipboard in another form. */
  async copyAs(id: string, form: CallbackForm): Promise<void> {
    const copy = await this.exporting.run(() => this.desk.commands.callbackExport(id, form));
    if (copy) await this.desk.copy(copy.text);
    else if (this.exporting.problem) this.desk.fail(this.exporting.problem);
  }

  #reload(): void {
    this.picks.clear();
    if (this.shown === 'lanes') void this.lanes.reload();
    else void this.feed.reload();
    void this.#count();
    void this.#readNotifications();
  }

  async #count(): Promise<void> {
    const causes = await this.counting.run(() => this.desk.commands.callbackCauses(this.desk.m));
    if (causes) this.causes = causes;
  }

  async #readNotifications(): Promise<void> {
    if (!this.desk.pretend) return;
    try {
      this.notifications = new Map((await this.desk.commands.sandboxNotifications()).map((it) => [it.id, it]));
    } catch {
      // Without the sandbox's own record, what arrived here is drawn.
    }
  }

  async #readDeliveries({ id, out_trade_no, notification_id }: CallbackDossier): Promise<void> {
    const nothing = Promise.resolve({ items: [] as Callback[] });
    try {
      const [order, notification] = await Promise.all([
        out_trade_no === null ? nothing : this.desk.commands.callbackList(this.desk.m, { out_trade_no, limit: 50 }),
        notification_id === null ? nothing : this.desk.commands.callbackList(this.desk.m, { search: notification_id, limit: 100 }),
      ]);
      if (this.selected !== id) return;
      this.deliveries = order.items;
      this.attempts = notification.items.filter((it) => it.notification_id === notification_id);
    } catch {
      // The delivery itself is shown; its neighbours are extra.
    }
  }

  #show(dossier: CallbackDossier): void {
    this.dossier = dossier;
    this.desk.journal.inspected = { name: dossier.id, value: dossier };
  }
}
