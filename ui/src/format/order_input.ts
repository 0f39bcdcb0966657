// What the form for a new order makes of what was typed: an order to create, or what is wrong, field by field. The
// program checks again; this only says it sooner.

import type { OrderInput } from '../backend/bindings';
import { parseYuan, type AmountFault } from './money';

export interface Typed {
  amount: string;
  description: string;
  outTradeNo: string;
  openid: string;
  attach: string;
}

export type OrderFault =
  | { field: 'amount'; fault: AmountFault }
  | { field: 'description'; fault: 'description_empty' }
  | { field: 'description'; fault: 'description_long'; count: number }
  | { field: 'out_trade_no'; fault: 'number_length'; count: number }
  | { field: 'out_trade_no'; fault: 'number_alphabet' }
  | { field: 'attach'; fault: 'attach_long' };

/** WeChat Pay counts characters, not UTF-16 units. */
export const characters = (text: string): number => [...text].length;

export const MOST_DESCRIPTION = 127;

export function orderInput(typed: Typed): { input: OrderInput } | { faults: OrderFault[] } {
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
  if (faults.length > 0 || 'fault' in amount) return { faults };
  return {
    input: {
      amount: amount.fen,
      description,
      out_trade_no: number || null,
      openid: typed.openid.trim() || null,
      attach: typed.attach.trim() || null,
      notify_url: null,
    },
  };
}
