// The fake desk's combined orders: put together, prepaid, shown; their orders stay what they are.

import type { Combined, Order } from './bindings';
import type { Commands } from './call';

type CombineCommands = Pick<Commands, 'combineCreate' | 'combineShow' | 'combinePrepay' | 'combineQuery' | 'combineClose'>;

export function combineCommands(orders: () => Order[], now: () => string): CombineCommands {
  const kept = new Map<string, Combined>();
  const show = async (number: string): Promise<Combined> => {
    const whole = kept.get(number);
    if (!whole) throw new Error(`no combined order ${number}`);
    return whole;
  };
  return {
    combineCreate: async (m, input) => {
      const sub_orders = orders().filter((order) => (input.orders ?? []).includes(order.out_trade_no));
      const [first] = sub_orders;
      const total = sub_orders.reduce((sum, order) => sum + order.amount.total, 0);
      const combine_out_trade_no = `GC2026112400${kept.size + 10}`;
      const whole: Combined = { combine_out_trade_no, combine_mchid: first?.mchid ?? '', combine_appid: first?.appid ?? '', merchant: m ?? 'sandbox', amount: { total, currency: 'CNY' }, outcome_unknown: false, created_at: now(), sub_orders };
      kept.set(combine_out_trade_no, whole);
      return whole;
    },
    combinePrepay: async (_m, number, via) => {
      const whole: Combined = { ...(await show(number)), via, code_url: 'weixin://wxpay/bizpayurl?pr=combined' };
      kept.set(number, whole);
      return whole;
    },
    combineShow: async (_m, number) => show(number),
    combineQuery: async (_m, number) => show(number),
    combineClose: async (_m, number) => show(number),
  };
}
