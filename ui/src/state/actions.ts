// Everything that can be done by a key or from the palette, in one list; and what a pressed key does.

import { words } from '../text/words.svelte';
import type { Desk } from './desk.svelte';
import { SCREENS } from './view.svelte';

export type ActionGroup = 'go' | 'list' | 'order' | 'frame';

export interface Action {
  id: string;
  group: ActionGroup;
  name: string;
  /** As `KeyboardEvent.key`, without modifiers. */
  key?: string;
  run(): void;
}

/** What can be done now. */
export function actions(desk: Desk): Action[] {
  const t = words.t;
  const { orders, view, phone } = desk;
  const listed = lists(desk);
  const list: Action[] = SCREENS.map((screen, i) => ({ id: `go-${screen}`, group: 'go', name: t.palette.go(t.nav[screen]), key: String(i + 1), run: () => desk.go(screen) }));
  list.push({
    id: 'new-order',
    group: 'order',
    name: t.orders.new,
    key: 'n',
    run: () => {
      desk.go('orders');
      orders.begin();
    },
  });
  if (desk.pretend)
    list.push({
      id: 'test-order',
      group: 'order',
      name: t.orders.test,
      key: 't',
      run: () => {
        desk.go('orders');
        void orders.test();
      },
    });
  if (listed) {
    list.push({ id: 'order-filters', group: 'list', name: t.filters.title, key: 'f', run: () => (orders.filtering = !orders.filtering) });
    if (orders.selected) list.push({ id: 'order-mark', group: 'list', name: t.orders.mark, key: 'x', run: () => orders.markSelected() });
    if (orders.marks.size > 0) {
      for (const kind of ['query', 'close'] as const) {
        const count = orders.eligible(kind).length;
        if (count > 0) list.push({ id: `bulk-${kind}`, group: 'list', name: t.bulk[kind](count), run: () => void orders.bulkBegin(kind) });
      }
    }
  }
  const open = listed && !orders.creating ? orders.dossier : null;
  if (open && !orders.acting.busy) {
    const unpaid = ['CREATED', 'NOTPAY', 'USERPAYING', 'PAYERROR'].includes(open.state);
    const act = (id: string, name: string, key: string | undefined, run: () => void) => list.push({ id, group: 'order', name, key, run });
    if (unpaid) {
      act('prepay-jsapi', t.order.prepayJsapi, 'p', () => void orders.prepay('jsapi'));
      act('prepay-native', t.order.prepayNative, 'w', () => void orders.prepay('native'));
      act('prepay-app', t.order.prepayApp, undefined, () => void orders.prepay('app'));
      act('prepay-h5', t.order.prepayH5, undefined, () => void orders.prepay('h5'));
      if (open.code_url && open.via === 'native') act('qr-large', t.order.qrLarge, 'q', () => (orders.across = true));
      if (desk.pretend && (open.prepay_id || open.code_url)) act('open-phone', t.order.phone, 'h', () => void phone.take(open.out_trade_no));
    }
    if (open.state !== 'CREATED') act('order-query', t.order.query, 's', () => void orders.query());
    if (!unpaid && orders.mayRefund && (open.state === 'SUCCESS' || open.state === 'REFUND')) act('order-refund', t.order.refund, 'r', () => (orders.refunding = true));
    if (unpaid && open.state !== 'CREATED') act('order-close', t.order.closeOrder, 'c', () => void orders.close());
  }
  const { callbacks } = desk;
  if (view.screen === 'callbacks') {
    const h = t.history;
    const show = (id: 'list' | 'lanes' | 'causes', key?: string) => list.push({ id: `callbacks-${id}`, group: 'list', name: `${t.nav.callbacks} · ${h.views[id]}`, key, run: () => callbacks.show(id) });
    show('list', callbacks.shown === 'list' ? undefined : 'v');
    show('lanes', callbacks.shown === 'list' ? 'v' : undefined);
    show('causes');
    if (callbacks.selected !== null && callbacks.shown === 'list') list.push({ id: 'callback-pick', group: 'list', name: t.orders.mark, key: 'x', run: () => callbacks.selected && callbacks.picks.toggle(callbacks.selected) });
    if (callbacks.picks.size > 0) list.push({ id: 'callback-replay-picked', group: 'list', name: t.replay.picked(callbacks.picks.size), run: () => callbacks.replayPicked() });
    if (callbacks.selected !== null) list.push({ id: 'callback-mark', group: 'list', name: callbacks.marked === callbacks.selected ? h.compare.unmark : h.compare.mark, key: 'm', run: () => callbacks.mark() });
    if (callbacks.marked !== null && callbacks.selected !== null && callbacks.marked !== callbacks.selected) list.push({ id: 'callback-compare', group: 'list', name: h.compare.with(callbacks.marked), key: 'c', run: () => void callbacks.compare() });
  }
  list.push(
    ...(['doctor', 'playground', 'keys'] as const).map((tab): Action => ({ id: `bench-${tab}`, group: 'go', name: `${t.nav.signatures} · ${t.lab.tabs[tab]}`, run: () => desk.bench.show(tab) })),
    { id: 'health', group: 'go', name: t.health.title, run: () => desk.health.show() },
    { id: 'tunnel', group: 'go', name: t.tunnel.title, run: () => desk.seek('settings-tunnel') },
    { id: 'catalog', group: 'go', name: `${t.shop.apiTitle} · ${t.shop.catalog}`, run: () => desk.seek('settings-shop') },
    { id: 'certify', group: 'go', name: t.lab.certify.title, run: () => desk.certify.show() },
    { id: 'search', group: 'list', name: t.keys.search, key: '/', run: focusSearch },
    { id: 'workbench', group: 'frame', name: t.keys.workbench, key: '`', run: () => view.turnDrawer() },
    { id: 'keys', group: 'frame', name: t.keys.help, key: '?', run: () => (desk.keysOpen = true) },
    ...(['light', 'dark', 'system'] as const).map((theme): Action => {
      const name = { light: t.settings.themeLight, dark: t.settings.themeDark, system: t.settings.themeSystem }[theme];
      return { id: `theme-${theme}`, group: 'frame', name: t.palette.theme(name), run: () => void desk.appearance.wear(theme) };
    }),
    { id: 'lang-zh', group: 'frame', name: '简体中文', run: () => void desk.appearance.speak('zh') },
    { id: 'lang-en', group: 'frame', name: 'English', run: () => void desk.appearance.speak('en') },
    ...(desk.app?.merchants ?? []).filter((merchant) => !merchant.current).map((merchant): Action => ({ id: `use-${merchant.name}`, group: 'frame', name: t.palette.useMerchant(merchant.name), run: () => void desk.merchants.use(merchant.name) })),
  );
  return list;
}

/** Is the list of orders shown? Its screen has the reconciliation, too. */
const lists = (desk: Desk): boolean => desk.view.screen === 'orders' && !desk.books.shown;

/** Is somebody typing? Then single keys are letters. */
const typing = (target: EventTarget | null): boolean => target instanceof HTMLElement && (target.isContentEditable || ['INPUT', 'TEXTAREA', 'SELECT'].includes(target.tagName));

/** What a pressed key does. */
export function pressed(desk: Desk, event: KeyboardEvent): void {
  if (event.defaultPrevented || event.isComposing) return;
  if ((event.ctrlKey || event.metaKey) && event.key.toLowerCase() === 'k') {
    event.preventDefault();
    desk.paletteOpen = !desk.paletteOpen;
    return;
  }
  if (desk.paletteOpen || desk.keysOpen || desk.question || desk.menu) return;
  // A dialog has its own keys; nothing that lies under it is meant.
  if (desk.orders.across || document.querySelector('dialog[open]')) return;
  if (event.key === 'Escape') {
    escape(desk, event);
    return;
  }
  if ((event.ctrlKey || event.metaKey) && event.key.toLowerCase() === 'a' && !typing(event.target) && lists(desk) && desk.orders.feed.rows.length > 0) {
    event.preventDefault();
    desk.orders.marks.all(desk.orders.feed.rows.map((order) => order.out_trade_no));
    return;
  }
  if (event.ctrlKey || event.metaKey || event.altKey || typing(event.target)) return;
  // A list that has the focus is walked by pages and to its ends, too; elsewhere these keys scroll.
  const inList = event.target instanceof Element && event.target.getAttribute('role') === 'listbox';
  const far: Record<string, number | undefined> = inList ? { PageDown: 10, PageUp: -10, End: Infinity, Home: -Infinity } : {};
  const step = { j: 1, ArrowDown: 1, J: 1, k: -1, ArrowUp: -1, K: -1 }[event.key] ?? far[event.key];
  if (step !== undefined && event.shiftKey && lists(desk)) {
    const keys = desk.orders.feed.rows.map((order) => order.out_trade_no);
    const from = desk.orders.selected;
    if (from && !desk.orders.marks.has(from)) desk.orders.marks.toggle(from);
    if (move(desk, step) && desk.orders.selected) desk.orders.marks.range(keys, desk.orders.selected, from);
    event.preventDefault();
    return;
  }
  if (step !== undefined && move(desk, step)) {
    event.preventDefault();
    return;
  }
  // A focused button keeps Enter and Space for itself.
  if (event.key === 'Enter' && !(event.target instanceof HTMLButtonElement) && open(desk)) {
    event.preventDefault();
    return;
  }
  const action = actions(desk).find((action) => action.key === event.key);
  if (!action) return;
  event.preventDefault();
  action.run();
}

function escape(desk: Desk, event: KeyboardEvent): void {
  const { orders, callbacks, exchanges, view, phone } = desk;
  if (typing(event.target) && event.target instanceof HTMLElement && event.target.dataset.search !== undefined) event.target.blur();
  else if (orders.creating) orders.creating = false;
  else if (orders.refunding) orders.refunding = false;
  else if (phone.open) phone.close();
  else if (view.drawer !== 'closed') view.drawer = 'closed';
  else if (lists(desk) && orders.marks.size > 0) orders.marks.clear();
  else if (lists(desk) && orders.filtering) orders.filtering = false;
  else if (lists(desk)) orders.leave();
  else if (view.screen === 'callbacks' && callbacks.picks.size > 0) callbacks.picks.clear();
  else if (view.screen === 'callbacks') callbacks.leave();
  else if (view.screen === 'signatures') exchanges.leave();
  else return;
  event.preventDefault();
}

/** Moves the selection of the list that is shown. */
function move(desk: Desk, step: number): boolean {
  const next = (keys: string[], selected: string | null): string | undefined => {
    const now = selected === null ? -1 : keys.indexOf(selected);
    return keys[now === -1 ? 0 : Math.min(keys.length - 1, Math.max(0, now + step))];
  };
  const { orders, callbacks, exchanges, view } = desk;
  if (lists(desk)) {
    const no = next(
      orders.feed.rows.map((order) => order.out_trade_no),
      orders.selected,
    );
    if (no && no !== orders.selected) void orders.open(no);
    return no !== undefined;
  }
  if (view.screen === 'callbacks') {
    const lane = callbacks.lanes.rows.find((it) => it.deliveries.some((delivery) => delivery.id === callbacks.selected));
    const id =
      callbacks.shown === 'lanes'
        ? next(
            callbacks.lanes.rows.flatMap((it) => it.deliveries.at(-1)?.id ?? []),
            lane?.deliveries.at(-1)?.id ?? null,
          )
        : next(
            callbacks.feed.rows.map((callback) => callback.id),
            callbacks.selected,
          );
    if (id && id !== callbacks.selected) void callbacks.open(id);
    return id !== undefined;
  }
  if (view.screen === 'signatures' && desk.bench.tab === 'exchanges') {
    const id = next(
      exchanges.feed.rows.map((exchange) => exchange.id),
      exchanges.selected,
    );
    if (id && id !== exchanges.selected) void exchanges.open(id);
    return id !== undefined;
  }
  return false;
}

/** Enter on a list: the detail takes the focus. */
function open(desk: Desk): boolean {
  const { view, orders, callbacks, exchanges } = desk;
  const selected = lists(desk) ? orders.selected : view.screen === 'callbacks' ? callbacks.selected : view.screen === 'signatures' ? exchanges.selected : null;
  if (selected === null) return move(desk, 1);
  const detail = document.querySelector('[data-detail]');
  (detail?.querySelector<HTMLElement>('[role="tablist"] [aria-selected="true"]') ?? detail?.querySelector<HTMLElement>('button, input, [tabindex="0"]'))?.focus();
  return true;
}

function focusSearch(): void {
  document.querySelector<HTMLInputElement>('[data-search]')?.focus();
}
