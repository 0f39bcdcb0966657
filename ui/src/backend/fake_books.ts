// The fake desk's bills, papers and backups: shaped as the program's, with made-up findings.

import type { Difference, KeptBill, Order, Reconciliation } from './bindings';
import type { Commands } from './call';
import { MCHID } from './fake_data';

type BookCommands = Pick<
  Commands,
  'billFetch' | 'billList' | 'billReconcile' | 'billRecord' | 'orderExport' | 'orderReceipt' | 'orderReceiptSave' | 'orderDossierSave' | 'backupStatus' | 'backupList' | 'backupNow' | 'backupRestore' | 'storeDoctor'
>;

const words = (zh: string, en: string) => ({ zh, en });

const planted = (known: Order | undefined): Difference[] => [
  {
    kind: 'missing_here',
    out_trade_no: 'GT2026112311223344556677',
    transaction_id: '4200002026112300000000000001',
    at: '2026-11-23 11:22:33',
    there: { state: 'SUCCESS', amount: 2850 },
    cause: words('另一个系统用同一商户号收的款。', 'Another system took it under the same mchid.'),
    mend: 'record',
    advice: words('补记：向微信支付查询后记入本地。', 'Record it: WeChat Pay is asked, then it is kept here.'),
  },
  {
    kind: 'no_callback',
    out_trade_no: known?.out_trade_no ?? 'GT2026112311223344556688',
    at: '2026-11-23 12:01:40',
    there: { state: 'SUCCESS', amount: known?.amount.total ?? 1250 },
    here: { state: 'SUCCESS', amount: known?.amount.total ?? 1250 },
    cause: words('回调没有到：通知地址不通，或监听没有开。', "No callback arrived: its address can't be reached, or nothing listened."),
    mend: 'callbacks',
    advice: words('账没有错；检查通知地址和监听。', 'The books are right; look at notify_url and the listener.'),
  },
];

export function bookCommands(orders: () => Order[], now: () => string): BookCommands {
  let recorded = false;
  let bills: KeptBill[] = [];
  let backups: { name: string; at: string; bytes: number }[] = [];
  const bill = (date: string, differences?: number): KeptBill => ({ kind: 'trade', date, mchid: MCHID, exists: true, sha1: '79bb0f45fc4c42234a918000b2668d689e2bde04', bytes: 14_686, lines: 42, fetched_at: now(), ...(differences === undefined ? {} : { differences }) });
  const keep = (kept: KeptBill) => {
    bills = [kept, ...bills.filter((other) => other.date !== kept.date)];
    return kept;
  };
  const facts = (file: string) => ({ file, bytes: 1_048_576, schema: 9, made_at: now(), merchants: 1, orders: orders().length, refunds: 0, callbacks: 3, callbacks_hashed: 3, note: words('密钥是加密的。', 'Keys are sealed.') });
  return {
    billFetch: async (_m, _kind, date) => keep(bill(date)),
    billList: async () => bills,
    billReconcile: async (_m, date): Promise<Reconciliation> => {
      const differences = planted(orders().find((order) => order.state === 'SUCCESS')).slice(recorded ? 1 : 0);
      const there = { payments: 41, amount: 162_350, refunds: 1, refunded: 500 };
      const here = recorded ? there : { ...there, payments: 40, amount: 159_500 };
      return { date, bill: keep(bill(date, differences.length)), there, here, fee: '9.71100', matched: 40, found: differences.length, differences };
    },
    billRecord: async () => {
      recorded = true;
      return orders()[0] as Order;
    },
    orderExport: async (_m, _filter, format) => `~/.local/share/guitai/exports/orders-20261124101500.${format}`,
    orderReceipt: async (_m, no) => `收款凭证\n金额  ¥12.50\n商户订单号  ${no}\n`,
    orderReceiptSave: async () => '~/.local/share/guitai/exports/receipt-20261124101500.html',
    orderDossierSave: async () => '~/.local/share/guitai/exports/dossier-20261124101500.json',
    backupStatus: async () => ({ daily: true, keep: 7, folder: '~/.local/share/guitai/backups/daily', count: backups.length, last_bytes: backups[0]?.bytes ?? 0, ...(backups[0] ? { last_at: backups[0].at, last_file: backups[0].name } : {}) }),
    backupList: async () => backups,
    backupNow: async () => {
      const name = `by-hand-${backups.length + 1}.db`;
      backups = [{ name, at: now(), bytes: 1_048_576 }, ...backups];
      return facts(name);
    },
    backupRestore: async (name) => ({ backup: facts(name), kept_aside: '~/.local/share/guitai/backups/before-restore-20261124101500.db' }),
    storeDoctor: async () => ({ ok: true, data_dir: '~/.local/share/guitai', checks: [{ name: 'integrity', ok: true, mended: false, detail: words('ok', 'ok') }] }),
  };
}
