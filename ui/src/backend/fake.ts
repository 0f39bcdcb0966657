// A desk in memory: for tests, and for looking at the window in a browser. It has the program's manners (refusals with
// four parts, events for what changed), not its rules.

import type { ApiFault, AppState, Callback, CallbackFault, CallbackLane, Day, Dossier, Event, Merchant, MerchantCheckItem, NotificationView, Order, OrderFilter, Page, Problem, Refund, RequestView, Switches, TimelineEntry } from './bindings';
import { DUE } from '../format/ladder';
import { Refused, type Backend, type Commands } from './call';
import { bookCommands } from './fake_books';
import { combineCommands } from './fake_combine';
import { healthCommands } from './fake_health';
import { base64Of, fakeHistory } from './fake_history';
import { labCommands } from './fake_lab';
import { replayCommands } from './fake_replay';
import { tunnelCommands } from './fake_tunnel';
import { base64, callbackOf, chance, exchangeOf, merchants, seed, type Seed } from './fake_data';

export interface FakeOptions {
  /** Start with a month of data, or with nothing. */
  empty?: boolean;
  language?: 'zh' | 'en';
  theme?: 'light' | 'dark';
  /** How long a call takes, ms. */
  delay?: number;
}

/** A refusal as the program would word it. */
export function refusal(code: string, zh: string, en: string, field: string | null = null): Refused {
  const problem: Problem = {
    code,
    message: { zh, en },
    why: null,
    hint: { zh: '改正后再试一次。', en: 'Mend it and try again.' },
    field,
    gateway: null,
  };
  return new Refused(problem);
}

const page = <T>(rows: T[], key: (row: T) => string, limit: number, after: string | null): Page<T> => {
  const from = after === null ? 0 : rows.findIndex((row) => key(row) === after) + 1;
  const items = rows.slice(from, from + limit);
  const last = items.at(-1);
  return { items, next: last !== undefined && from + limit < rows.length ? key(last) : null };
};

export interface FakeBackend extends Backend {
  /** What the fake holds, for tests to look at and change. */
  data: Seed & { refunds: Refund[] };
  emit(...events: Event[]): void;
}

export function fake(options: FakeOptions = {}): FakeBackend {
  const random = chance(7);
  const started = Date.now();
  const data: Seed & { refunds: Refund[] } = { ...(options.empty ? { orders: [], callbacks: [], exchanges: [] } : seed(started)), refunds: [] };
  const profiles: Merchant[] = merchants();
  const settings: Record<string, string> = {};
  if (options.language) settings.language = options.language;
  if (options.theme) settings.theme = options.theme;
  let business = { wall: started, now: started, rate: 1 };
  const businessNow = () => business.now + (Date.now() - business.wall) * business.rate;
  let faults: ApiFault[] = [];
  let callbackFaults: CallbackFault[] = [];
  let switches: Switches = { mode: 'mixed' };
  let listening: number | null = 8787;
  let last = 9000;
  const listeners = { desk: new Set<(n: { events: Event[]; missed: boolean }) => void>(), sandbox: new Set<(n: { events: never[]; missed: boolean }) => void>(), app: new Set<(a: AppState) => void>() };
  const now = () => new Date().toISOString();
  const emit = (...events: Event[]) => setTimeout(() => listeners.desk.forEach((listener) => listener({ events, missed: false })), 0);
  const stirred = () => setTimeout(() => listeners.sandbox.forEach((listener) => listener({ events: [{ kind: 'request' } as never], missed: false })), 0);

  const app = (): AppState => ({
    version: '0.1.0',
    data_dir: '~/.local/share/guitai',
    locale: 'zh',
    merchants: profiles.map((profile) => ({ ...profile })),
    current: profiles.find((profile) => profile.current)?.name ?? null,
    listener: { state: listening === null ? 'stopped' : 'running', url: listening === null ? null : `http://127.0.0.1:${listening}`, notify_path: '/notify/sandbox', api: listening !== null && settings.api === 'on', error: null },
    sandbox: { state: 'running', base_url: 'http://127.0.0.1:8788', proxy_url: 'http://127.0.0.1:8789', ca_certificate: '~/.local/share/guitai/sandbox/keys/sandbox_ca.pem', openid: 'oUpF8uMuAJO_M2pxb1Q9zNjWeS6o', error: null },
    clock_skew_ms: 12,
    store_bytes: 4_812_800,
    last_callback_at: data.callbacks[0]?.received_at ?? null,
    settings: { ...settings },
  });
  const appChanged = () => setTimeout(() => listeners.app.forEach((listener) => listener(app())), 0);

  const order = (no: string): Order => {
    const found = data.orders.find((row) => row.out_trade_no === no);
    if (!found) throw refusal('ORDER_NOT_FOUND', `没有订单 ${no}`, `There is no order ${no}`);
    return found;
  };
  const change = (no: string, fields: Partial<Order>): Order => {
    const next = { ...order(no), ...fields };
    data.orders = data.orders.map((row) => (row.out_trade_no === no ? next : row));
    emit({ kind: 'order_changed', merchant: next.merchant, out_trade_no: no, state: next.state });
    return next;
  };
  const asked = (row: Order, purpose: string, via?: Order['via']) => {
    const exchange = exchangeOf(random, `x${++last}`, row, Date.now(), purpose, via ?? undefined);
    data.exchanges = [exchange, ...data.exchanges];
    stirred();
    return exchange;
  };

  const matching = (m: string | null, filter: OrderFilter): Order[] => {
    const search = filter.search?.toLowerCase();
    const dayOf = (row: Order) => new Date(row.created_at).toLocaleDateString('sv-SE', { timeZone: 'Asia/Shanghai' });
    const rows = data.orders.filter(
      (row) =>
        row.merchant === (m ?? row.merchant) &&
        (!filter.states?.length || filter.states.includes(row.state)) &&
        (!filter.vias?.length || (row.via != null && filter.vias.includes(row.via))) &&
        (!filter.callbacks?.length || filter.callbacks.includes(row.callback_verdict ?? 'none')) &&
        (!filter.since || dayOf(row) >= filter.since) &&
        (!filter.until || dayOf(row) <= filter.until) &&
        row.amount.total >= (filter.amount_from ?? 0) &&
        row.amount.total <= (filter.amount_to ?? Infinity) &&
        (!search || [row.out_trade_no, row.description, row.payer?.openid, row.transaction_id, (row.amount.total / 100).toFixed(2)].some((text) => text?.toLowerCase().includes(search))),
    );
    const by = { newest: () => 0, oldest: (a: Order, b: Order) => a.created_at.localeCompare(b.created_at), largest: (a: Order, b: Order) => b.amount.total - a.amount.total, smallest: (a: Order, b: Order) => a.amount.total - b.amount.total };
    return rows.sort(by[filter.sort ?? 'newest']);
  };
  const timeline = (row: Order): TimelineEntry[] => {
    const entries: TimelineEntry[] = [{ at: row.created_at, kind: 'created', state: 'CREATED', amount: row.amount.total }];
    for (const exchange of data.exchanges.filter((x) => x.out_trade_no === row.out_trade_no)) {
      const prepay = exchange.purpose === 'prepay';
      entries.push({ at: exchange.at, kind: prepay ? 'prepay' : exchange.purpose, state: prepay ? 'NOTPAY' : null, detail: prepay ? (row.prepay_id ?? row.code_url ?? null) : null, exchange_id: exchange.id });
      if (prepay && row.via === 'jsapi') entries.push({ at: new Date(Date.parse(exchange.at) + 600).toISOString(), kind: 'pay_params', detail: `prepay_id=${row.prepay_id}` });
    }
    const callbacks = data.callbacks.filter((c) => c.out_trade_no === row.out_trade_no);
    for (const c of callbacks) entries.push({ at: c.received_at, kind: c.verdict === 'held' ? 'held' : 'callback', detail: c.verdict, amount: c.amount ?? null, callback_id: c.id });
    if (row.success_time) entries.push({ at: row.success_time, kind: 'paid', state: 'SUCCESS', amount: row.amount.total, detail: row.transaction_id ?? null });
    if (row.state === 'CLOSED') entries.push({ at: new Date(Date.parse(row.created_at) + 7_200_000).toISOString(), kind: 'closed', state: 'CLOSED' });
    for (const refund of refunds(row)) {
      entries.push({ at: refund.created_at, kind: 'refund', amount: refund.amount.refund, detail: refund.out_refund_no });
      if (refund.success_time) entries.push({ at: refund.success_time, kind: 'refund_settled', state: 'REFUND', amount: refund.amount.refund, detail: refund.status });
    }
    return entries.sort((a, b) => a.at.localeCompare(b.at));
  };
  const refunds = (row: Order): Refund[] => {
    const made = data.refunds.filter((refund) => refund.out_trade_no === row.out_trade_no);
    if (made.length > 0 || row.refunded === 0) return made;
    const at = new Date(Date.parse(row.success_time ?? row.created_at) + 1_800_000).toISOString();
    return [{ out_refund_no: `R${row.out_trade_no}`, refund_id: '50000000382019052709732678859', out_trade_no: row.out_trade_no, status: 'SUCCESS', amount: { refund: row.refunded, total: row.amount.total, currency: 'CNY' }, reason: '顾客退单', created_at: at, success_time: new Date(Date.parse(at) + 2000).toISOString(), user_received_account: '支付用户零钱' }];
  };

  const history = fakeHistory(() => data.callbacks);

  const commands: Commands = {
    ...bookCommands(() => data.orders, now),
    ...labCommands(),
    ...healthCommands(now),
    ...replayCommands(() => data.callbacks),
    ...tunnelCommands(() => profiles.find((profile) => profile.current)?.notify_url ?? null),
    apiSet: async (on, origins) => {
      if (origins.some((origin) => !/^https?:\/\/[^/]+$/.test(origin))) throw refusal('INVALID_FIELD', 'api_origins 须为 https://shop.example 这样的来源', 'api_origins must be an origin like https://shop.example', 'api_origins');
      settings.api = on ? 'on' : '';
      settings.api_origins = origins.join(' ');
      appChanged();
      return null;
    },
    appState: async () => app(),
    copyText: async (text) => {
      await globalThis.navigator?.clipboard?.writeText(text).catch(() => undefined);
      return null;
    },
    settingsSet: async (key, value) => {
      settings[key] = value;
      return null;
    },
    callbackApply: async (id) => {
      const found = data.callbacks.find((c) => c.id === id);
      if (!found) throw refusal('CALLBACK_NOT_FOUND', `没有回调 ${id}`, `There is no callback ${id}`);
      throw refusal('AMOUNT_DIFFERS', '金额仍然不一致，没有采用', 'The amounts still differ; it was not applied');
    },
    callbackList: async (m, filter) => page<Callback>(history.list(m, filter), (c) => c.id, filter.limit ?? 50, filter.after ?? null),
    callbackLanes: async (m, filter) => page<CallbackLane>(history.lanes(m, filter), (lane) => lane.deliveries.at(-1)?.id ?? '', filter.limit ?? 50, filter.after ?? null),
    callbackCauses: async (m) => history.causes(m),
    callbackExport: async (id, form) => {
      const found = data.callbacks.find((c) => c.id === id);
      if (!found) throw refusal('CALLBACK_NOT_FOUND', `没有回调 ${id}`, `There is no callback ${id}`);
      const text = `${form} of ${id}\n${found.body}`;
      return { file_name: `${id}.txt`, media_type: 'text/plain', text, base64: base64Of(text) };
    },
    callbackShow: async (id) => {
      const found = data.callbacks.find((c) => c.id === id);
      if (!found) throw refusal('CALLBACK_NOT_FOUND', `没有回调 ${id}`, `There is no callback ${id}`);
      return found;
    },
    exchangeList: async (_m, limit, after) => page(data.exchanges, (x) => x.id, limit, after),
    exchangeShow: async (id) => {
      const found = data.exchanges.find((x) => x.id === id);
      if (!found) throw refusal('EXCHANGE_NOT_FOUND', `没有请求 ${id}`, `There is no exchange ${id}`);
      return found;
    },
    listenerStart: async (port) => {
      listening = port;
      appChanged();
      return null;
    },
    listenerStop: async () => {
      listening = null;
      appChanged();
      return null;
    },
    merchantAdd: async (input) => {
      if (!input.private_key.includes('PRIVATE KEY')) throw refusal('KEY_UNREADABLE', '私钥读不出来：不是 PEM 格式', 'The private key cannot be read: it is not PEM', 'private_key');
      const added: Merchant = { ...merchants()[1]!, name: input.name, mchid: input.mchid, appid: input.appid, current: false, live_enabled: false };
      profiles.push(added);
      appChanged();
      return added;
    },
    merchantAddFromSandbox: async (name) => {
      if (profiles.some((profile) => profile.name === name)) throw refusal('MERCHANT_EXISTS', `已有名为 ${name} 的商户`, `There is a merchant ${name} already`, 'name');
      const added = { ...merchants()[0]!, name, current: false };
      profiles.push(added);
      appChanged();
      return added;
    },
    merchantCheck: async (m) => {
      const item = (name: string, ok: boolean | null, zh: string, en: string): MerchantCheckItem => ({ name, ok, detail: { zh, en } });
      const live = m === 'lakeside-cafe';
      return {
        name: m ?? 'sandbox',
        ok: !live,
        checks: [
          item('private_key_readable', true, 'RSA 2048 位', 'RSA, 2048 bits'),
          item('certificate_matches_key', live ? null : true, live ? '没有给出商户证书' : '证书里的公钥就是这把私钥的', live ? 'No merchant certificate was given' : "The certificate holds this key's public half"),
          item('serial_matches_certificate', live ? null : true, live ? '没有证书可比' : '序列号一致', live ? 'No certificate to compare' : 'The serials agree'),
          item('api_v3_key_decrypts', !live, live ? '解不开平台证书：密钥不对，或已更换' : '解开了 1 张平台证书', live ? 'It does not open the platform certificates: wrong, or changed' : 'It opened 1 platform certificate'),
          item('clock_skew', true, '偏差 12 ms', '12 ms off'),
          item('certificate_expiry', true, '2031-01-09 到期', 'Valid until 2031-01-09'),
          item('gateway_reachable', true, '41 ms', '41 ms'),
        ],
      };
    },
    merchantFiles: async (files, mchid) => {
      const texts = files.map((file) => ({ name: file.name, text: atob(file.base64) }));
      const key = texts.find(({ text }) => text.includes('PRIVATE KEY'));
      const certificate = texts.find(({ text }) => text.includes('CERTIFICATE'));
      const belongs = !key?.text.includes('OTHER');
      const findings = key && certificate ? [belongs ? { zh: '私钥属于商户证书 5A1B。', en: 'The private key belongs to the merchant certificate 5A1B.' } : { zh: '私钥不属于这里的任何一张商户证书。', en: 'The private key belongs to no merchant certificate here.' }] : [];
      const shown = texts.map(({ name, text }) => ({ name, kind: text.includes('PRIVATE KEY') ? ('private_key' as const) : text.includes('CERTIFICATE') ? ('merchant_certificate' as const) : ('other' as const), used: true }));
      return { files: shown, mchid: mchid ?? (certificate ? '1900000001' : null), serial_no: certificate ? '5A1B' : null, ok: belongs, findings, missing: [] };
    },
    merchantList: async () => profiles,
    merchantRemove: async (name) => {
      profiles.splice(profiles.findIndex((profile) => profile.name === name), 1);
      appChanged();
      return null;
    },
    merchantShow: async (m) => profiles.find((profile) => profile.name === m) ?? profiles[0]!,
    merchantUpdate: async (name, patch) => {
      const found = profiles.find((profile) => profile.name === name)!;
      if (patch.live_enabled != null) found.live_enabled = patch.live_enabled;
      appChanged();
      return found;
    },
    merchantUse: async (name) => {
      for (const profile of profiles) profile.current = profile.name === name;
      appChanged();
      return profiles.find((profile) => profile.current)!;
    },
    orderClose: async (_m, no) => change(no, { state: 'CLOSED' }),
    orderCreate: async (m, input) => {
      const out_trade_no = input.out_trade_no || `GT${now().slice(0, 10).replaceAll('-', '')}${String(++last)}${Math.floor(random() * 1e6)}`;
      if (data.orders.some((row) => row.out_trade_no === out_trade_no)) throw refusal('OUT_TRADE_NO_USED', `商户订单号 ${out_trade_no} 已经用过`, `out_trade_no ${out_trade_no} was used before`, 'out_trade_no');
      const row: Order = { ...seedless(m ?? 'sandbox'), out_trade_no, description: input.description, amount: { total: input.amount, currency: 'CNY' }, attach: input.attach ?? null, payer: input.openid ? { openid: input.openid } : null, created_at: now() };
      data.orders = [row, ...data.orders];
      emit({ kind: 'order_changed', merchant: row.merchant, out_trade_no, state: row.state });
      return row;
    },
    ...combineCommands(() => data.orders, now),
    orderLook: async (m, filter) => page(matching(m, filter), (row) => row.out_trade_no, filter.limit ?? 50, filter.after ?? null),
    orderTotals: async (m, filter) => {
      const rows = matching(m, filter);
      return { orders: rows.length, amount: rows.reduce((sum, row) => sum + row.amount.total, 0), exact: true };
    },
    voiceTry: async () => true,
    orderPrepay: async (_m, no, via) => {
      const prepaid = via === 'native' ? { code_url: `weixin://wxpay/bizpayurl?pr=${base64(random, 12).slice(0, 9)}`, prepay_id: null } : { prepay_id: `wx${now().slice(0, 10).replaceAll('-', '')}${String(++last)}${base64(random, 22).toLowerCase().replace(/[+/=]/g, '0')}`, code_url: null };
      const row = change(no, { state: 'NOTPAY', via, ...prepaid, url_expires_at: new Date(Date.now() + 7_200_000).toISOString(), outcome_unknown: false });
      asked(row, 'prepay', via);
      return { order: row, prepay_id: row.prepay_id ?? null, code_url: row.code_url ?? null, h5_url: null };
    },
    orderQuery: async (_m, no) => {
      asked(order(no), 'query');
      return change(no, { outcome_unknown: false });
    },
    orderShow: async (_m, no): Promise<Dossier> => {
      const row = order(no);
      const mine = <T extends { out_trade_no?: string | null }>(list: T[]) => list.filter((item) => item.out_trade_no === no).reverse();
      return { ...row, timeline: timeline(row), refunds: refunds(row), callbacks: mine(data.callbacks), exchanges: mine(data.exchanges) };
    },
    overview: async (m) => {
      const mine = data.orders.filter((row) => row.merchant === (m ?? row.merchant));
      const paid = mine.filter((row) => row.success_time);
      const days: Day[] = Array.from({ length: 30 }, (_, i) => {
        const date = new Date(Date.now() - (29 - i) * 86_400_000).toLocaleDateString('sv-SE');
        const of = paid.filter((row) => new Date(row.success_time ?? '').toLocaleDateString('sv-SE') === date);
        const sum = (amount: (row: Order) => number) => of.reduce((total, row) => total + amount(row), 0);
        const made = mine.filter((row) => new Date(row.created_at).toLocaleDateString('sv-SE') === date);
        return { date, payments: of.length, amount: sum((row) => row.amount.total), refunds: of.filter((row) => row.refunded > 0).length, refunded: sum((row) => row.refunded), made: made.length, paid: made.filter((row) => row.success_time).length };
      });
      const today = days.at(-1)!;
      return {
        taken_today: today.amount,
        payments_today: today.payments,
        refunded_today: today.refunded,
        refunds_today: paid.filter((row) => row.refunded > 0 && new Date(row.success_time ?? '').toLocaleDateString('sv-SE') === today.date).length,
        unpaid: mine.filter((row) => row.state === 'NOTPAY').length,
        expiring: Math.min(2, mine.filter((row) => row.state === 'NOTPAY').length),
        due: 0,
        channels: (['jsapi', 'native', 'app', 'h5'] as const)
          .map((via) => paid.filter((row) => row.via === via))
          .filter((rows) => rows.length > 0)
          .map((rows) => ({ via: rows[0]!.via ?? null, payments: rows.length, amount: rows.reduce((sum, row) => sum + row.amount.total, 0) })),
        held: data.callbacks.filter((c) => c.verdict === 'held').length,
        days,
        latest: paid.slice(0, 8),
      };
    },
    payParams: async (_m, no) => ({ timeStamp: String(Math.trunc(Date.now() / 1000)), nonceStr: '593BEC0C930BF1AFEB40B4A08C8FB242', package: `prepay_id=${order(no).prepay_id}`, signType: 'RSA', paySign: base64(random, 344) }),
    testOrder: async (m) => commands.orderCreate(m, { amount: 1 + Math.floor(random() * 9900), description: '测试订单', openid: 'oUpF8uMuAJO_M2pxb1Q9zNjWeS6o' }),
    phonePay: async (no, outcome) => {
      if (outcome !== 'SUCCESS') return null;
      setTimeout(() => {
        const row = change(no, { state: 'SUCCESS', success_time: now(), transaction_id: `4200002483${now().slice(0, 10).replaceAll('-', '')}0011223344`, found_by: 'callback', callback_verdict: 'applied', payer: { openid: 'oUpF8uMuAJO_M2pxb1Q9zNjWeS6o' } });
        const delivery = callbackOf(random, `c${++last}`, row, Date.now(), 'applied');
        data.callbacks = [delivery, ...data.callbacks];
        emit({ kind: 'callback_received', merchant: row.merchant, id: delivery.id, verdict: 'applied' }, { kind: 'payment_received', merchant: row.merchant, out_trade_no: no, amount: row.amount.total, found_by: 'callback' });
      }, 300);
      return {};
    },
    phoneScan: async ({ pay_params, prepay_id, code_url }) => {
      const named = pay_params !== null && typeof pay_params === 'object' && !Array.isArray(pay_params) ? String(pay_params.package).replace('prepay_id=', '') : (prepay_id ?? code_url);
      const row = data.orders.find((o) => o.prepay_id === named || o.code_url === named);
      if (!row) throw refusal('PHONE_ORDER_UNKNOWN', '沙箱里没有这笔订单', "The sandbox doesn't know this order");
      return { merchant_name: '湖畔咖啡（沙箱）', description: row.description, amount: row.amount.total, out_trade_no: row.out_trade_no, state: row.state, trade_type: (row.via ?? 'jsapi').toUpperCase() };
    },
    orderRefund: async (_m, no, input) => {
      const row = order(no);
      const amount = input.amount ?? row.amount.total - row.refunded;
      const refund: Refund = { out_refund_no: `R${++last}${no}`.slice(0, 64), refund_id: null, out_trade_no: no, status: 'PROCESSING', amount: { refund: amount, total: row.amount.total, currency: 'CNY' }, reason: input.reason ?? null, created_at: now(), success_time: null, user_received_account: null };
      data.refunds = [...refunds(row), refund];
      asked(row, 'refund');
      change(no, { refunded: row.refunded + amount, state: 'REFUND' });
      setTimeout(() => {
        data.refunds = data.refunds.map((r) => (r.out_refund_no === refund.out_refund_no ? { ...r, status: 'SUCCESS', success_time: now(), user_received_account: '支付用户零钱' } : r));
        change(no, {});
      }, 1500);
      return refund;
    },
    refundToAccount: async (_m, no) => {
      const refund = data.refunds.find((other) => other.out_refund_no === no);
      if (!refund) throw refusal('REFUND_NOT_FOUND', `没有退款 ${no}`, `There is no refund ${no}`);
      return refund;
    },
    refundQuery: async (_m, outRefundNo) => data.refunds.find((refund) => refund.out_refund_no === outRefundNo)!,
    sandboxAdvance: async (seconds) => {
      business = { ...business, wall: Date.now(), now: businessNow() + seconds * 1000 };
      return commands.sandboxClock();
    },
    sandboxPace: async (rate) => {
      business = { wall: Date.now(), now: businessNow(), rate };
      return commands.sandboxClock();
    },
    sandboxClock: async () => ({
      now: new Date(businessNow()).toISOString(),
      wall: now(),
      ahead_seconds: Math.floor((businessNow() - Date.now()) / 1000),
      rate: business.rate,
      next_due: null,
    }),
    sandboxFaults: async () => faults,
    sandboxNotifications: async () =>
      data.callbacks
        .filter((c) => c.verdict === 'applied' || c.verdict === 'failed')
        // one notification, however often it was delivered
        .filter((c, i, all) => all.findIndex((other) => (other.notification_id ?? other.id) === (c.notification_id ?? c.id)) === i)
        .slice(0, 20)
        .map(
          (c, i): NotificationView => ({
            id: c.notification_id ?? c.id,
            event_type: 'TRANSACTION.SUCCESS',
            out_trade_no: c.out_trade_no ?? data.orders[i]?.out_trade_no ?? '',
            mchid: c.merchant,
            url: 'http://127.0.0.1:8787/notify/sandbox',
            state: c.verdict === 'failed' ? 'PENDING' : 'DELIVERED',
            attempts: DUE.slice(0, i % 4 === 2 ? 4 : 1).map((due, step, all) => ({ at: new Date(Date.parse(c.received_at) + due * 1000).toISOString(), status: step < all.length - 1 ? 500 : c.http_status, latency_ms: c.latency_ms, error: null })),
            next_attempt_at: c.verdict === 'failed' ? new Date(Date.parse(c.received_at) + 15_000).toISOString() : null,
          }),
        ),
    sandboxRedeliver: async (_id, fault) => ({ at: now(), status: fault && fault !== 'duplicate' ? 401 : 204, latency_ms: 4, error: null, fault }),
    sandboxRequests: async (limit) =>
      data.exchanges.slice(0, limit).map((x, i): RequestView => ({
        id: data.exchanges.length - i,
        at: x.at,
        method: x.method,
        target: x.target,
        mchid: profiles[0]?.mchid ?? null,
        status: x.status ?? 0,
        request_id: x.request_id ?? null,
        via: null,
        out_trade_no: x.out_trade_no ?? null,
        verdict: x.code ?? 'accepted',
        message: null,
        sign_string: x.signed?.text ?? null,
        diagnosis: null,
        headers: x.request_headers,
        request_body: x.request_body,
        response_headers: x.response_headers,
        response_body: x.response_body,
        latency_ms: x.latency_ms,
      })),
    sandboxReset: async () => null,
    sandboxSetFaults: async (next) => (faults = next),
    sandboxCallbackFaults: async () => callbackFaults,
    sandboxSetCallbackFaults: async (next) => (callbackFaults = next),
    sandboxSwitches: async () => switches,
    sandboxSetSwitches: async (patch) => (switches = { ...switches, ...(patch as Switches) }),
    vaultStatus: async () => ({ way: 'key_file', place: '~/.local/share/guitai/vault.key' }),
  };

  if (options.delay) {
    for (const [name, command] of Object.entries(commands) as [string, (...args: unknown[]) => Promise<unknown>][]) {
      (commands as unknown as Record<string, unknown>)[name] = async (...args: unknown[]) => {
        await new Promise((resolve) => setTimeout(resolve, options.delay));
        return command(...args);
      };
    }
  }

  const hear = <T>(set: Set<T>) => async (listener: T) => {
    set.add(listener);
    return () => void set.delete(listener);
  };
  return { commands, data, emit: (...events) => void emit(...events), onDesk: hear(listeners.desk), onSandbox: hear(listeners.sandbox as never), onApp: hear(listeners.app) };
}

function seedless(merchant: string): Order {
  const { mchid, appid } = merchants()[0]!;
  return { out_trade_no: '', state: 'CREATED', description: '', amount: { total: 0, currency: 'CNY' }, refunded: 0, merchant, mchid, appid, notify_url: 'http://127.0.0.1:8787/notify/sandbox', created_at: '', outcome_unknown: false };
}

