// The window's root: what the program is, what is shown, and whom news goes to. Made once in App.svelte, reached by context.

import { getContext, setContext } from 'svelte';
import type { AppState, DeskNews, Event, Merchant, SandboxNews } from '../backend/bindings';
import type { Backend, Commands } from '../backend/call';
import { problemOf } from '../backend/call';
import { money } from '../format/money';
import { words } from '../text/words.svelte';
import { Appearance } from './appearance.svelte';
import { Bench } from './bench.svelte';
import { Books } from './books.svelte';
import { chime } from './chime';
import { Callbacks } from './callbacks.svelte';
import { Certify } from './certify.svelte';
import { Forwards } from './forwards.svelte';
import { HealthBoard } from './health.svelte';
import { Replays } from './replays.svelte';
import { Exchanges } from './exchanges.svelte';
import { Journal } from './journal.svelte';
import { Merchants } from './merchants.svelte';
import { Orders } from './orders.svelte';
import { Overviews } from './overviews.svelte';
import { Phone } from './phone.svelte';
import { SandboxBoard } from './sandbox.svelte';
import { Shop } from './shop.svelte';
import { Task } from './task.svelte';
import { Toasts } from './toasts.svelte';
import { Tunnels } from './tunnels.svelte';
import { View, type Screen } from './view.svelte';

/** What a part of the state hears when something changed. `missed`: ask again for everything that is shown. */
export interface Hearer {
  heard(events: Event[], missed: boolean): void;
}

export class Desk {
  app = $state.raw<AppState | null>(null);
  /** A question that stands over everything, if there is one. */
  question = $state.raw<Question | null>(null);
  /** The menu of a row, where it was asked for. */
  menu = $state.raw<MenuAt | null>(null);
  paletteOpen = $state(false);
  keysOpen = $state(false);
  /** The card of the settings that is to be in view next. */
  sought = $state<string | null>(null);

  readonly opening = new Task();
  readonly commands: Commands;
  /** The same, for what is asked by a clock: the workbench doesn't write it down. */
  readonly quiet: Commands;
  readonly view = new View();
  readonly journal = new Journal();
  readonly toasts = new Toasts();
  readonly appearance: Appearance;
  readonly orders: Orders;
  readonly callbacks: Callbacks;
  readonly exchanges: Exchanges;
  readonly overview: Overviews;
  readonly merchants: Merchants;
  readonly sandbox: SandboxBoard;
  readonly phone: Phone;
  readonly bench: Bench;
  readonly certify: Certify;
  readonly books: Books;
  readonly replays: Replays;
  readonly forwards: Forwards;
  readonly health: HealthBoard;
  readonly tunnels: Tunnels;
  readonly shop: Shop;

  #stops: (() => void)[] = [];

  constructor(private readonly backend: Backend) {
    this.quiet = backend.commands;
    this.commands = this.journal.watching(backend.commands);
    this.appearance = new Appearance(this);
    this.orders = new Orders(this);
    this.callbacks = new Callbacks(this);
    this.exchanges = new Exchanges(this);
    this.overview = new Overviews(this);
    this.merchants = new Merchants(this);
    this.sandbox = new SandboxBoard(this);
    this.phone = new Phone(this);
    this.bench = new Bench(this);
    this.certify = new Certify(this);
    this.books = new Books(this);
    this.replays = new Replays(this);
    this.forwards = new Forwards(this);
    this.health = new HealthBoard(this);
    this.tunnels = new Tunnels(this);
    this.shop = new Shop(this);
  }

  /** Listens first, then asks: nothing that happens between is lost. */
  async open(): Promise<void> {
    await this.opening.run(async () => {
      this.#stops = await Promise.all([
        this.backend.onDesk((news) => this.#desk(news)),
        this.backend.onSandbox((news) => this.#sandbox(news)),
        this.backend.onApp((app) => this.#app(app)),
      ]);
      const app = await this.commands.appState();
      await this.appearance.settings(app.settings, app.locale);
      this.#app(app);
      // What no event tells of: the store's size, the clock's skew, what another process took in.
      const asking = setInterval(() => void this.#askApp(), 30_000);
      this.#stops.push(() => clearInterval(asking));
      this.#stops.push(this.tunnels.follow());
    });
  }

  /** Stops listening. */
  close(): void {
    for (const stop of this.#stops) stop();
    this.#stops = [];
  }

  /** The current profile's name; what `m` is in calls. */
  get m(): string | null {
    return this.app?.current ?? null;
  }

  get merchant(): Merchant | null {
    return this.app?.merchants.find((merchant) => merchant.name === this.app?.current) ?? null;
  }

  /** Money is not real here. */
  get pretend(): boolean {
    return this.merchant?.sandbox ?? true;
  }

  /** Everything that is shown is asked for again: the store under it was replaced. */
  reread(): void {
    void this.#askApp();
    for (const part of [this.orders, this.callbacks, this.exchanges, this.overview, this.bench]) part.merchantChanged();
  }

  /** Goes to a screen. */
  go(screen: Screen): void {
    this.view.go(screen);
  }

  /** Goes to a card of the settings. */
  seek(card: string): void {
    this.sought = card;
    this.health.shown = false;
    this.go('settings');
  }

  /** Asks before something that can't be undone; the answer is the button that was pressed. */
  ask(question: Omit<Question, 'answer'>): Promise<boolean> {
    this.question?.answer(false);
    return new Promise((resolve) => {
      this.question = {
        ...question,
        answer: (yes) => {
          this.question = null;
          resolve(yes);
        },
      };
    });
  }

  /** To the clipboard. */
  async copy(text: string): Promise<void> {
    try {
      await this.commands.copyText(text);
      this.toasts.show({ tone: 'plain', text: words.t.common.copied, detail: text.length > 60 ? `${text.slice(0, 60)}…` : text });
    } catch (thrown) {
      this.fail(thrown);
    }
  }

  /** Tells of a failure that has no place of its own. */
  fail(thrown: unknown): void {
    const problem = problemOf(thrown);
    this.toasts.show({ tone: 'bad', text: words.say(problem.message), detail: words.say(problem.hint) });
  }

  #app(app: AppState): void {
    const before = this.app?.current;
    const first = this.app === null;
    this.app = app;
    void this.appearance.settings(app.settings, app.locale);
    // A first merchant that arrives while the window is open takes nothing from who is writing.
    if (before != null && before !== app.current) this.orders.creating = false;
    if (first || before !== app.current) for (const part of [this.orders, this.callbacks, this.exchanges, this.overview, this.bench, this.books]) part.merchantChanged();
    this.sandbox.conditionChanged();
  }

  #desk({ events, missed }: DeskNews): void {
    for (const event of events) {
      this.journal.event(event.kind, event);
      if (event.kind === 'payment_received' && event.merchant === this.m) this.#paid(event);
    }
    // Once a batch, and for verified payments alone: nothing else is told this way.
    if (events.some((event) => event.kind === 'payment_received')) chime(this.app?.settings ?? {});
    const mine = events.filter((event) => !('merchant' in event) || event.merchant === this.m);
    if (events.some((event) => event.kind === 'merchants_changed' || event.kind === 'callback_received' || event.kind === 'listener_changed') || missed) void this.#askApp();
    if (mine.length === 0 && !missed) return;
    for (const part of [this.orders, this.callbacks, this.exchanges, this.overview] as Hearer[]) part.heard(mine, missed);
  }

  #sandbox({ events, missed }: SandboxNews): void {
    for (const event of events) this.journal.event(`sandbox ${event.kind}`, event);
    if (events.length > 0 || missed) this.sandbox.heard();
  }

  #paid(event: Extract<Event, { kind: 'payment_received' }>): void {
    const { out_trade_no } = event;
    // Whoever looks at it sees it turn.
    if (this.view.screen === 'orders' && this.orders.selected === out_trade_no) return;
    this.toasts.show({
      tone: 'good',
      text: words.t.toast.paid(money(event.amount)),
      detail: `${out_trade_no} · ${words.t.toast.paidBy[event.found_by]}`,
      open: () => {
        this.go('orders');
        void this.orders.open(out_trade_no);
      },
    });
  }

  async #askApp(): Promise<void> {
    try {
      this.#app(await this.backend.commands.appState());
    } catch {
      // The frame keeps what it shows; the next change asks again.
    }
  }
}

export interface MenuAt {
  x: number;
  y: number;
  items: { name: string; key?: string; danger?: boolean; run(): void }[];
}

export interface Question {
  title: string;
  text: string;
  /** Shown large: the money that it is about. */
  amount?: string;
  /** The button's word. */
  yes: string;
  danger: boolean;
  answer(yes: boolean): void;
}

const KEY = Symbol('desk');

export const provideDesk = (desk: Desk): Desk => setContext(KEY, desk);
export const useDesk = (): Desk => getContext<Desk>(KEY);
