// The merchant API's switch and the catalogue behind it: what mini-programs can buy, and who may call.

import type { CatalogEntry } from '../backend/bindings';
import { parseYuan, type AmountFault } from '../format/money';
import { words } from '../text/words.svelte';
import type { Desk } from './desk.svelte';
import { Task } from './task.svelte';

/** What is wrong with an entry before it is sent. */
export type EntryFault = { field: 'id' | 'name' } | { field: 'price'; fault: AmountFault };

export class Shop {
  entries = $state.raw<CatalogEntry[] | null>(null);
  adding = $state(false);
  id = $state('');
  name = $state('');
  price = $state('');
  kind = $state('');
  faults = $state.raw<EntryFault[]>([]);
  /** The allowed origins as they are typed; `null`: as they are kept. */
  typed = $state<string | null>(null);
  document = $state.raw<unknown>(null);

  reading = new Task();
  saving = new Task();
  removing = new Task();
  switching = new Task();

  constructor(private readonly desk: Desk) {}

  get on(): boolean {
    return this.desk.app?.settings.api === 'on';
  }

  get origins(): string {
    return this.typed ?? (this.desk.app?.settings.api_origins ?? '').split(' ').filter(Boolean).join('\n');
  }

  /** Switches the API, or keeps other origins. */
  async set(on: boolean): Promise<void> {
    const origins = this.origins.split(/[\s,]+/).filter(Boolean);
    const typed = this.typed !== null;
    await this.switching.run(() => this.desk.commands.apiSet(on, origins));
    if (this.switching.problem) return;
    this.typed = null;
    if (typed) this.desk.toasts.show({ tone: 'good', text: words.t.shop.saved });
  }

  async read(): Promise<void> {
    const page = await this.reading.run(() => this.desk.commands.catalogList());
    if (page) this.entries = page.items;
  }

  async show(): Promise<void> {
    const text = await this.reading.run(() => this.desk.commands.apiDocument());
    if (text !== undefined) this.document = JSON.parse(text);
  }

  begin(): void {
    this.adding = true;
    this.faults = [];
    this.saving.clear();
  }

  end(): void {
    this.adding = false;
    this.id = this.name = this.price = this.kind = '';
    this.faults = [];
    this.saving.clear();
  }

  /** Adds what is typed; true when it is there. */
  async add(): Promise<boolean> {
    const price = parseYuan(this.price);
    const faults: EntryFault[] = [];
    if (!/^[A-Za-z0-9._-]{1,32}$/.test(this.id.trim())) faults.push({ field: 'id' });
    const name = this.name.trim();
    if (name === '' || [...name].length > 127) faults.push({ field: 'name' });
    if ('fault' in price) faults.push({ field: 'price', fault: price.fault });
    this.faults = faults;
    if (faults.length > 0 || 'fault' in price) return false;
    const input = { id: this.id.trim(), name, price: price.fen, type: this.kind.trim() || null };
    const added = await this.saving.run(() => this.desk.commands.catalogAdd(input));
    if (!added) return false;
    this.id = this.name = this.price = '';
    this.desk.toasts.show({ tone: 'good', text: words.t.shop.added(added.id) });
    await this.read();
    return true;
  }

  /** Removes one; the message that says so can take it back. */
  async remove(entry: CatalogEntry): Promise<void> {
    const gone = await this.removing.run(async () => {
      await this.desk.commands.catalogRemove(entry.id);
      return true;
    });
    if (!gone) return this.removing.problem ? this.desk.fail(this.removing.problem) : undefined;
    await this.read();
    const { id, name, price, type } = entry;
    this.desk.toasts.show({
      tone: 'plain',
      text: words.t.shop.removed(id),
      undo: () => void this.removing.run(() => this.desk.commands.catalogAdd({ id, name, price, type: type ?? null })).then(() => this.read()),
    });
  }
}
