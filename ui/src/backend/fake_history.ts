// The history of the desk in memory: the same questions as the program answers, by plain reading.

import type { Callback, CallbackCause, CallbackDossier, CallbackFilter, CallbackLane } from './bindings';

/** UTF-8 as base64. */
export const base64Of = (text: string): string => btoa(String.fromCharCode(...new TextEncoder().encode(text)));

export function fakeHistory(all: () => CallbackDossier[]) {
  const fits = (callback: CallbackDossier, m: string | null, filter: CallbackFilter) => {
    const text = filter.search?.trim().toLowerCase();
    return (
      (m === null || callback.merchant === m) &&
      (!filter.verdicts?.length || filter.verdicts.includes(callback.verdict)) &&
      (!filter.reasons?.length || filter.reasons.includes(callback.reason ?? '')) &&
      (!filter.event_type || callback.event_type === filter.event_type) &&
      (!filter.out_trade_no || callback.out_trade_no === filter.out_trade_no) &&
      (!filter.source || callback.source === filter.source) &&
      (!filter.since || Date.parse(callback.received_at) >= Date.parse(filter.since)) &&
      (!filter.folded || !callback.first_id) &&
      (!text || JSON.stringify(callback.decrypted ?? '').toLowerCase().includes(text) || callback.out_trade_no?.toLowerCase().startsWith(text) || callback.notification_id?.toLowerCase().startsWith(text))
    );
  };
  const list = (m: string | null, filter: CallbackFilter): Callback[] => all().filter((it) => fits(it, m, filter)).map((it) => (filter.folded ? { ...it, repeats: all().filter((other) => other.first_id === it.id).length || null } : it));
  const lanes = (m: string | null, filter: CallbackFilter): CallbackLane[] => {
    const found = new Map<string, CallbackLane>();
    for (const fit of list(m, { ...filter, folded: false })) {
      const number = fit.out_trade_no ?? all().find((it) => it.notification_id === fit.notification_id && it.out_trade_no)?.out_trade_no ?? null;
      const key = number ?? fit.notification_id ?? '';
      if (found.has(key)) continue;
      const ids = new Set(all().filter((it) => number !== null && it.out_trade_no === number).map((it) => it.notification_id));
      const deliveries = all().filter((it) => (number !== null && it.out_trade_no === number) || (number === null ? it.notification_id === fit.notification_id : ids.has(it.notification_id)));
      found.set(key, { out_trade_no: number, notification_id: number === null ? fit.notification_id : null, deliveries: deliveries.toReversed(), more: false });
    }
    return [...found.values()];
  };
  const causes = (m: string | null): CallbackCause[] => {
    const found = new Map<string, CallbackCause>();
    for (const it of all().filter((it) => m === null || it.merchant === m)) {
      const key = `${it.verdict} ${it.reason ?? ''}`;
      const cause = found.get(key) ?? { verdict: it.verdict, reason: it.reason ?? null, deliveries: 0, newest_id: it.id, why: it.why ?? null, fix: it.fix ?? null };
      cause.deliveries++;
      found.set(key, cause);
    }
    return [...found.values()].sort((a, b) => b.deliveries - a.deliveries);
  };
  return { list, lanes, causes };
}
