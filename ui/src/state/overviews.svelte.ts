// The figures of the day, the last 30 days and the newest payments.

import type { Overview } from '../backend/bindings';
import type { Desk, Hearer } from './desk.svelte';
import { Task } from './task.svelte';

export class Overviews implements Hearer {
  figures = $state.raw<Overview | null>(null);
  loading = new Task();

  constructor(private readonly desk: Desk) {}

  merchantChanged(): void {
    this.figures = null;
    void this.read();
  }

  heard(): void {
    void this.read();
  }

  async read(): Promise<void> {
    if (this.desk.m === null) return;
    const figures = await this.loading.run(() => this.desk.commands.overview(this.desk.m));
    if (figures) this.figures = figures;
  }
}
