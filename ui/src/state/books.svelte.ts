// The books: bills, what differs from them, papers that leave the window, backups.

import type { BackupItem, BackupStatus, Difference, ExportFormat, KeptBill, Reconciliation, StoreReport } from '../backend/bindings';
import { words } from '../text/words.svelte';
import type { Desk } from './desk.svelte';
import { Task } from './task.svelte';

/** Beijing's yesterday: the newest day that can have a bill. */
export const yesterday = (now = Date.now()): string => new Date(now + 8 * 3_600_000 - 86_400_000).toISOString().slice(0, 10);

export class Books {
  /** The orders' screen shows the reconciliation rather than the list. */
  shown = $state(false);
  date = $state(yesterday());
  bills = $state.raw<KeptBill[]>([]);
  day = $state.raw<Reconciliation | null>(null);
  fetching = new Task();
  mending = new Task();
  /** Of which difference the button was pressed. */
  mendingOf = $state<Difference | null>(null);
  saving = new Task();

  backups = $state.raw<BackupItem[]>([]);
  backup = $state.raw<BackupStatus | null>(null);
  backing = new Task();
  restoring = new Task();
  report = $state.raw<StoreReport | null>(null);
  checking = new Task();

  constructor(private readonly desk: Desk) {}

  merchantChanged(): void {
    this.day = null;
    this.bills = [];
    if (this.shown) void this.look();
  }

  get daily(): boolean {
    return this.desk.app?.settings['bills.daily'] === 'on';
  }

  async setDaily(on: boolean): Promise<void> {
    await this.fetching.run(() => this.desk.commands.settingsSet('bills.daily', on ? 'on' : ''));
  }

  /** What is kept, when the tab opens or the merchant changes. */
  async look(): Promise<void> {
    const bills = await this.fetching.run(() => this.desk.commands.billList(this.desk.m));
    if (bills) this.bills = bills.filter((bill) => bill.kind === 'trade');
  }

  /** Fetches the day's bill if it isn't kept, and compares. */
  async reconcile(date = this.date, again = false): Promise<void> {
    this.date = date;
    if (this.day?.date !== date) this.day = null;
    const day = await this.fetching.run(async () => {
      if (again) await this.desk.commands.billFetch(this.desk.m, 'trade', date, true);
      return this.desk.commands.billReconcile(this.desk.m, date);
    });
    if (!day) return;
    this.day = day;
    this.bills = [day.bill, ...this.bills.filter((bill) => bill.date !== date)].sort((one, other) => other.date.localeCompare(one.date));
  }

  /** Does what mends a difference, then compares again. */
  async mend(difference: Difference): Promise<void> {
    const { out_trade_no: no, out_refund_no: refund = null, mend } = difference;
    if (mend === 'callbacks') return this.open(no, 'callbacks');
    if (mend === 'ask') return this.desk.copy(refund ?? no);
    this.mendingOf = difference;
    const date = this.day?.date ?? this.date;
    const done = await this.mending.run(async () => {
      if (mend === 'query') await this.desk.commands.orderQuery(this.desk.m, no);
      else if (mend === 'query_refund' && refund) await this.desk.commands.refundQuery(this.desk.m, refund);
      else await this.desk.commands.billRecord(this.desk.m, date, no, refund);
      return true;
    });
    if (!done) return;
    this.desk.toasts.show({ tone: 'good', text: words.t.books.mended, detail: refund ?? no });
    await this.reconcile(date);
  }

  async open(no: string, tab: 'timeline' | 'callbacks' = 'timeline'): Promise<void> {
    this.shown = false;
    await this.desk.orders.open(no, tab);
  }

  async export(format: ExportFormat): Promise<void> {
    await this.#save(() => this.desk.commands.orderExport(this.desk.m, this.desk.orders.filter, format));
  }

  async saveReceipt(no: string): Promise<void> {
    await this.#save(() => this.desk.commands.orderReceiptSave(this.desk.m, no, words.tongue));
  }

  async saveDossier(no: string): Promise<void> {
    await this.#save(() => this.desk.commands.orderDossierSave(this.desk.m, no));
  }

  /** How backups stand. */
  async lookAtBackups(): Promise<void> {
    const found = await this.backing.run(() => Promise.all([this.desk.commands.backupStatus(), this.desk.commands.backupList()]));
    if (found) [this.backup, this.backups] = found;
  }

  async backUp(): Promise<void> {
    const facts = await this.backing.run(() => this.desk.commands.backupNow());
    if (!facts) return;
    this.desk.toasts.show({ tone: 'good', text: words.t.books.backupDone, detail: facts.file });
    await this.lookAtBackups();
  }

  async keep(key: 'backup.daily' | 'backup.keep', value: string): Promise<void> {
    await this.backing.run(() => this.desk.commands.settingsSet(key, value));
    if (!this.backing.problem) await this.lookAtBackups();
  }

  async restore(item: BackupItem): Promise<void> {
    const t = words.t.books;
    if (!(await this.desk.ask({ title: t.restoreTitle, text: `${item.name}\n${t.restoreText}`, yes: t.restore, danger: true }))) return;
    const restored = await this.restoring.run(() => this.desk.commands.backupRestore(item.name));
    if (!restored) return;
    this.desk.toasts.show({ tone: 'good', text: t.restored(restored.backup.orders), detail: restored.kept_aside ?? '' });
    this.day = null;
    this.bills = [];
    this.desk.reread();
    await this.lookAtBackups();
  }

  async check(mend = false): Promise<void> {
    const report = await this.checking.run(() => this.desk.commands.storeDoctor(mend));
    if (report) this.report = report;
  }

  async #save(work: () => Promise<string>): Promise<void> {
    const path = await this.saving.run(work);
    if (path !== undefined) this.desk.toasts.show({ tone: 'good', text: words.t.books.saved, detail: path });
    else if (this.saving.problem) this.desk.fail(this.saving.problem);
  }
}
