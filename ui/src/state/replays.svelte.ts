// Sending deliveries again: what is chosen and how, its count before anything is sent, the answers as they come.

import type { CallbackFilter, Replay, ReplayBatch, ReplayForecast, ReplayState } from '../backend/bindings';
import type { Desk } from './desk.svelte';
import { Task } from './task.svelte';

const KEY = 'replay';
/** A person types an address before it is judged, ms. */
const TYPING = 250;

export type ReplayMode = 'received' | 'resigned' | 'edited';
export const MODES: ReplayMode[] = ['received', 'resigned', 'edited'];
export const FAULTS = ['', 'bad_signature', 'stale_timestamp', 'tampered_ciphertext', 'wrong_serial', 'signature_probe', 'duplicate'];
/** Only a new signature makes these what they are called. */
const NEEDS_KEY = ['stale_timestamp', 'tampered_ciphertext'];

/** These deliveries, or those of a filter. */
export interface Chosen {
  ids?: string[];
  filter?: CallbackFilter;
}

export class Replays {
  /** What the dialog is about; null: it is closed. */
  chosen = $state.raw<Chosen | null>(null);
  to = $state('');
  allowPrivate = $state(false);
  mode = $state<ReplayMode>('received');
  content = $state('');
  fault = $state('');
  times = $state(1);
  atOnce = $state(false);
  shuffle = $state(false);
  forecast = $state.raw<ReplayForecast | null>(null);
  state = $state.raw<ReplayState | null>(null);
  /** This dialog's own batch was started: what the program tells is about it. */
  begun = $state(false);
  kept = $state.raw<Replay[]>([]);
  counting = new Task();
  starting = new Task();

  #original = '';
  #typing: ReturnType<typeof setTimeout> | undefined;
  #watched = false;
  #following = false;

  constructor(private readonly desk: Desk) {}

  /** The one delivery, where there is one. */
  get single(): string | null {
    const ids = this.chosen?.ids ?? [];
    return ids.length === 1 ? (ids[0] ?? null) : null;
  }

  /** Why the edited content can't be sent; null: it can. */
  get wrong(): string | null {
    if (this.mode !== 'edited') return null;
    try {
      const value: unknown = JSON.parse(this.content);
      return value !== null && typeof value === 'object' && !Array.isArray(value) ? null : '{ … }';
    } catch (thrown) {
      return thrown instanceof Error ? thrown.message : String(thrown);
    }
  }

  /** Opens the dialog. */
  async ask(chosen: Chosen): Promise<void> {
    const kept = this.desk.view.filter<{ to?: string; allowPrivate?: boolean } | null>(KEY, null);
    this.to ||= kept?.to ?? '';
    this.allowPrivate = kept?.allowPrivate ?? false;
    this.mode = 'received';
    [this.content, this.#original, this.fault, this.times] = ['', '', '', 1];
    this.atOnce = this.shuffle = this.begun = false;
    this.forecast = null;
    this.kept = [];
    this.starting.clear();
    this.counting.clear();
    this.chosen = chosen;
    this.changed();
    const id = this.single;
    if (id === null) return;
    try {
      const { decrypted } = await this.desk.commands.callbackShow(id);
      if (this.single !== id) return;
      this.content = this.#original = JSON.stringify(decrypted ?? {}, null, 2);
    } catch (thrown) {
      this.desk.fail(thrown);
    }
    await this.readKept();
  }

  close(): void {
    this.chosen = null;
  }

  original(): void {
    this.content = this.#original;
  }

  format(): void {
    if (this.wrong === null) this.content = JSON.stringify(JSON.parse(this.content), null, 2);
  }

  /** Something of the form is different: counts anew. */
  changed(): void {
    clearTimeout(this.#typing);
    if (NEEDS_KEY.includes(this.fault) && this.mode === 'received') this.mode = 'resigned';
    this.forecast = null;
    this.#typing = setTimeout(() => void this.count(), TYPING);
  }

  async count(): Promise<void> {
    if (this.chosen === null || this.to.trim() === '' || this.wrong !== null) return;
    const forecast = await this.counting.run(() => this.desk.commands.replayCount(this.desk.m, this.#batch()));
    this.forecast = forecast ?? null;
  }

  async send(): Promise<void> {
    this.desk.view.keepFilter(KEY, { to: this.to, allowPrivate: this.allowPrivate });
    const done = await this.starting.run(() => this.desk.commands.replayStart(this.desk.m, this.#batch()));
    if (done === undefined) return;
    this.begun = true;
    void this.#follow();
  }

  async stop(): Promise<void> {
    await this.starting.run(() => this.desk.commands.replayStop());
  }

  /** While watched, the state of what runs is asked for; the answer ends it. */
  watch(): () => void {
    this.#watched = true;
    void this.#follow();
    return () => (this.#watched = false);
  }

  async readKept(): Promise<void> {
    const id = this.single;
    if (id === null) return;
    try {
      const kept = await this.desk.commands.callbackReplays(id);
      if (this.single === id) this.kept = [...kept].reverse();
    } catch (thrown) {
      this.desk.fail(thrown);
    }
  }

  #batch(): ReplayBatch {
    const { ids = [], filter = null } = this.chosen ?? {};
    return {
      ids,
      filter,
      times: this.times,
      at_once: this.atOnce,
      shuffle: this.shuffle,
      seed: null,
      how: {
        to: this.to.trim(),
        resigned: this.mode !== 'received',
        edited: this.mode === 'edited' ? this.content : null,
        fault: this.fault || null,
        sandbox: null,
        allow_private: this.allowPrivate,
      },
    };
  }

  async #follow(): Promise<void> {
    if (this.#following) return;
    this.#following = true;
    try {
      while (this.#watched) {
        const before = this.state?.running ?? false;
        this.state = await this.desk.commands.replayState(this.state?.revision ?? null);
        if (!this.state.running && (before || this.begun)) void this.readKept();
      }
    } catch (thrown) {
      this.desk.fail(thrown);
    } finally {
      this.#following = false;
    }
  }
}
