// What a pasted id names: an order by any of its numbers, a refund, a callback, a call by its Request-ID, a key by its serial.

import { NO_CONDITIONS } from './orders.svelte';
import { words } from '../text/words.svelte';
import type { Desk } from './desk.svelte';

/** Could this be an id of anything? Then it is worth looking up. */
export const isId = (text: string): boolean => /^(?:(?:cb|ex)_\d+|[\w\-|*@]{6,64})$/.test(text.trim());

/** Opens what this id names, or says that nothing has it. */
export async function find(desk: Desk, typed: string): Promise<void> {
  const id = typed.trim();
  try {
    if (!(await opened(desk, id))) desk.toasts.show({ tone: 'plain', text: words.t.palette.notFound(id) });
  } catch (thrown) {
    desk.fail(thrown);
  }
}

async function opened(desk: Desk, id: string): Promise<boolean> {
  const { commands, m, orders, callbacks, exchanges, bench } = desk;
  const openCallback = async (callback: string) => {
    desk.go('callbacks');
    await callbacks.open(callback);
  };
  if (id.startsWith('cb_')) {
    await openCallback(id);
    return true;
  }
  if (id.startsWith('ex_')) {
    await exchanges.show(id);
    return true;
  }
  const { items } = await commands.orderLook(m, { search: id, limit: 2 });
  const [order] = items;
  if (order) {
    desk.go('orders');
    if (items.length === 1) await orders.open(order.out_trade_no);
    else orders.where({ ...NO_CONDITIONS, search: id });
    return true;
  }
  const [callback] = (await commands.callbackList(m, { search: id, limit: 1 })).items;
  if (callback) {
    // the number of a refund stands in the content; a notification's own id doesn't
    if (callback.out_trade_no !== null && callback.notification_id !== id && callback.event_type?.startsWith('REFUND.')) {
      desk.go('orders');
      await orders.open(callback.out_trade_no);
      orders.tab = 'refunds';
    } else await openCallback(callback.id);
    return true;
  }
  const exchange = await commands.exchangeFind(m, id);
  if (exchange) {
    await exchanges.show(exchange.id);
    return true;
  }
  if (m === null || !(await commands.keyRegister(m)).some((key) => key.serial_no?.toLowerCase() === id.toLowerCase())) return false;
  bench.showKey(id);
  return true;
}
