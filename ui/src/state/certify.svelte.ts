// The examination before launch: what is to be examined, and its cases as they finish. Followed while it is shown.

import type { CertifyPast, CertifyState, ReportKind } from '../backend/bindings';
import { words } from '../text/words.svelte';
import type { Desk } from './desk.svelte';
import { Task } from './task.svelte';

const KEY = 'certify';

export class Certify {
  /** The sandbox's screen shows the examination rather than the switchboard. */
  shown = $state(false);
  url = $state('');
  createOrder = $state('');
  probe = $state('');
  state = $state.raw<CertifyState | null>(null);
  /** The runs of before, newest first. */
  past = $state.raw<CertifyPast[]>([]);
  open = $state<string | null>(null);
  saved = $state<string | null>(null);
  starting = new Task();
  saving = new Task();

  #watched = false;
  #following = false;

  constructor(private readonly desk: Desk) {
    const kept = desk.view.filter<{ url?: string } | null>(KEY, null);
    this.url = kept?.url ?? '';
  }

  show(): void {
    this.shown = true;
    this.desk.go('sandbox');
  }

  /** While watched, its state is asked for; the program answers when something changed. The answer ends it. */
  watch(): () => void {
    this.#watched = true;
    void this.#follow();
    return () => (this.#watched = false);
  }

  async start(): Promise<void> {
    // Commands are not kept: they may hold secrets.
    this.desk.view.keepFilter(KEY, { url: this.url });
    this.saved = this.open = null;
    await this.starting.run(() => this.desk.commands.certifyStart({ url: this.url, create_order: this.createOrder || null, probe: this.probe || null }));
  }

  async stop(): Promise<void> {
    await this.starting.run(() => this.desk.commands.certifyStop());
  }

  async save(kind: ReportKind): Promise<void> {
    const path = await this.saving.run(() => this.desk.commands.certifySave(kind));
    if (path === undefined) return;
    this.saved = path;
    this.desk.toasts.show({ tone: 'good', text: words.t.lab.certify.saved, detail: path });
  }

  async #readPast(): Promise<void> {
    this.past = await this.desk.commands.certifyPast();
  }

  async #follow(): Promise<void> {
    if (this.#following) return;
    this.#following = true;
    try {
      await this.#readPast();
      while (this.#watched) {
        const running = this.state?.running;
        this.state = await this.desk.commands.certifyState(this.state?.revision ?? null);
        if (running && !this.state.running) await this.#readPast();
      }
    } catch (thrown) {
      this.desk.fail(thrown);
    } finally {
      this.#following = false;
    }
  }
}
