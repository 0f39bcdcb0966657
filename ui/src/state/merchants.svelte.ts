// Profiles of merchants: which is used, adding one from its files, and whether a profile's pieces belong together.

import type { Merchant, MerchantCheck, MerchantInput } from '../backend/bindings';
import { words } from '../text/words.svelte';
import type { Desk } from './desk.svelte';
import { Task } from './task.svelte';

export class Merchants {
  checks = $state.raw<Record<string, MerchantCheck>>({});
  checking = new Task();
  adding = new Task();
  changing = new Task();

  constructor(private readonly desk: Desk) {}

  async use(name: string): Promise<void> {
    await this.#change(() => this.desk.commands.merchantUse(name));
  }

  async check(name: string): Promise<void> {
    const check = await this.checking.run(() => this.desk.commands.merchantCheck(name));
    if (check) this.checks = { ...this.checks, [name]: check };
  }

  /** Adds one, then checks it. */
  async add(input: MerchantInput): Promise<boolean> {
    return this.#added(await this.adding.run(() => this.desk.commands.merchantAdd(input)));
  }

  async addSandbox(name: string): Promise<boolean> {
    return this.#added(await this.adding.run(() => this.desk.commands.merchantAddFromSandbox(name)));
  }

  async allowWriting(name: string, live_enabled: boolean): Promise<void> {
    await this.#change(() => this.desk.commands.merchantUpdate(name, { live_enabled }));
  }

  async remove(name: string): Promise<void> {
    const t = words.t.settings;
    if (!(await this.desk.ask({ title: t.removeTitle(name), text: t.removeText, yes: words.t.common.remove, danger: true }))) return;
    const done = await this.#change(async () => {
      await this.desk.commands.merchantRemove(name);
      return true;
    });
    if (done) this.desk.toasts.show({ tone: 'plain', text: words.t.toast.merchantRemoved(name) });
  }

  async #added(merchant: Merchant | undefined): Promise<boolean> {
    if (!merchant) return false;
    this.desk.toasts.show({ tone: 'good', text: words.t.toast.merchantAdded(merchant.name) });
    void this.check(merchant.name);
    return true;
  }

  async #change<T>(work: () => Promise<T>): Promise<T | undefined> {
    const result = await this.changing.run(work);
    if (this.changing.problem) this.desk.fail(this.changing.problem);
    return result;
  }
}
