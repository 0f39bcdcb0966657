// What the form for a new order makes of what was typed: an order to create, or what is wrong, field by field. The
// program checks again; this only says it sooner.

import type { OrderInput, Value } from '../backend/bindings';
import { parseYuan, type AmountFault } from './money';

export interface Typed {
  amount: string;
  description: string;
  outTradeNo: string;
  openid: string;
  attach: string;
  /** So many minutes it can be paid, or empty: as long as WeChat Pay has it. */
  minutes: string;
  goodsTag: string;
  /** No credit cards. */
  noCredit: boolean;
  fapiao: boolean;
  sharing: boolean;
  /** Further fields of the prepay under WeChat Pay's names, as a JSON object, or empty. */
  more: string;
}

/** Nothing typed yet; the payer stands elsewhere. */
export const NOTHING_TYPED: Omit<Typed, 'openid'> = { amount: '', description: '', outTradeNo: '', attach: '', minutes: '', goodsTag: '', noCredit: false, fapiao: false, sharing: false, more: '' };

export type OrderFault =
  | { field: 'amount'; fault: AmountFault }
  | { field: 'description'; fault: 'description_empty' }
  | { field: 'description'; fault: 'description_long'; count: number }
  | { field: 'out_trade_no'; fault: 'number_length'; count: number }
  | { field: 'out_trade_no'; fault: 'number_alphabet' }
  | { field: 'attach'; fault: 'attach_long' }
  | { field: 'time_expire'; fault: 'minutes' }
  | { field: 'fields'; fault: 'more_no_object' };

/** WeChat Pay counts characters, not UTF-16 units. */
export const characters = (text: string): number => [...text].length;

export const MOST_DESCRIPTION = 127;

/** As WeChat Pay writes instants. */
const beijing = (instant: number): string => `${new Date(instant + 8 * 3_600_000).toISOString().slice(0, 19)}+08:00`;

const object = (value: unknown): value is Record<string, Value> => typeof value === 'object' && value !== null && !Array.isArray(value);

function parsed(json: string): Record<string, Value> | null {
  if (json.trim() === '') return {};
  try {
    const value: unknown = JSON.parse(json);
    return object(value) ? value : null;
  } catch {
    return null;
  }
}

export function orderInput(typed: Typed, now = Date.now()): { input: OrderInput } | { faults: OrderFault[] } {
  const faults: OrderFault[] = [];
  const amount = parseYuan(typed.amount);
  if ('fault' in amount) faults.push({ field: 'amount', fault: amount.fault });
  const description = typed.description.trim();
  const length = characters(description);
  if (length === 0) faults.push({ field: 'description', fault: 'description_empty' });
  if (length > MOST_DESCRIPTION) faults.push({ field: 'description', fault: 'description_long', count: length });
  const number = typed.outTradeNo.trim();
  if (number !== '' && (number.length < 6 || number.length > 32)) faults.push({ field: 'out_trade_no', fault: 'number_length', count: number.length });
  else if (!/^[\w\-|*]*$/.test(number)) faults.push({ field: 'out_trade_no', fault: 'number_alphabet' });
  if (characters(typed.attach) > 128) faults.push({ field: 'attach', fault: 'attach_long' });
  const minutes = typed.minutes.trim();
  // seven days are as long as an order lives
  if (minutes !== '' && !(/^\d{1,5}$/.test(minutes) && Number(minutes) >= 1 && Number(minutes) <= 7 * 1440)) faults.push({ field: 'time_expire', fault: 'minutes' });
  const more = parsed(typed.more);
  if (more === null) faults.push({ field: 'fields', fault: 'more_no_object' });
  if (faults.length > 0 || 'fault' in amount || more === null) return { faults };
  const fields: Record<string, Value> = { ...more };
  if (minutes !== '') fields.time_expire = beijing(now + Number(minutes) * 60_000);
  if (typed.goodsTag.trim()) fields.goods_tag = typed.goodsTag.trim();
  if (typed.noCredit) fields.limit_pay = ['no_credit'];
  if (typed.fapiao) fields.support_fapiao = true;
  if (typed.sharing) fields.settle_info = { ...(object(fields.settle_info) ? fields.settle_info : {}), profit_sharing: true };
  return {
    input: {
      amount: amount.fen,
      description,
      out_trade_no: number || null,
      openid: typed.openid.trim() || null,
      attach: typed.attach.trim() || null,
      notify_url: null,
      ...(Object.keys(fields).length > 0 ? { fields } : {}),
    },
  };
}
