// How everything is, read again every few seconds while somebody looks.

import type { Health, LogLine } from '../backend/bindings';
import { words } from '../text/words.svelte';
import type { Desk } from './desk.svelte';
import { Task } from './task.svelte';

/** Between two looks, ms. */
const EVERY = 3000;

export class HealthBoard {
  /** The settings' screen shows the health rather than the settings. */
  shown = $state(false);
  now = $state.raw<Health | null>(null);
  reading = new Task();
  acting = new Task();
  #timer: ReturnType<typeof setInterval> | undefined;

  constructor(private readonly desk: Desk) {}

  show(): void {
    this.shown = true;
    this.desk.go('settings');
  }

  /** While watched, it is read again and again. The answer ends it. */
  watch(): () => void {
    void this.read();
    this.#timer = setInterval(() => void this.#again(), EVERY);
    return () => clearInterval(this.#timer);
  }

  async read(): Promise<void> {
    const now = await this.reading.run(() => this.desk.commands.health());
    if (now) this.now = now;
  }

  /** Not a call worth a line in the workbench. */
  async #again(): Promise<void> {
    try {
      this.now = await this.desk.quiet.health();
    } catch {
      // What is shown stays; the next look says more.
    }
  }

  async level(level: string): Promise<void> {
    await this.acting.run(() => this.desk.commands.settingsSet('log.level', level));
    await this.read();
  }

  async openLogs(): Promise<void> {
    const opened = await this.acting.run(() => this.desk.commands.logFolderOpen());
    if (opened !== false || !this.now) return;
    await this.desk.copy(this.now.logs.folder);
    this.desk.toasts.show({ tone: 'plain', text: words.t.health.logOpenFailed });
  }
}

/** The lines of the program's own log, followed while the workbench is open. */
export async function newerLines(desk: Desk, after: number): Promise<LogLine[]> {
  try {
    return await desk.quiet.logLines(after);
  } catch {
    return [];
  }
}
