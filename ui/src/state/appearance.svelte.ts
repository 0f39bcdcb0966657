// Language and theme: chosen in the settings, which the program keeps; until chosen, as the system has them.

import { words } from '../text/words.svelte';
import type { Tongue } from '../text';
import type { Desk } from './desk.svelte';

export type Theme = 'light' | 'dark' | 'system';

export class Appearance {
  /** What was chosen. */
  theme = $state<Theme>('system');
  #systemDark = $state(false);

  constructor(private readonly desk: Desk) {
    const dark = globalThis.matchMedia?.('(prefers-color-scheme: dark)');
    this.#systemDark = dark?.matches ?? false;
    dark?.addEventListener?.('change', (event) => {
      this.#systemDark = event.matches;
      this.#draw();
    });
    // The theme of the last time, so that the first frame does not flash.
    if (desk.view.theme) document.documentElement.dataset.theme = desk.view.theme;
    else this.#draw();
  }

  /** What is drawn. */
  get drawn(): 'light' | 'dark' {
    return this.theme === 'system' ? (this.#systemDark ? 'dark' : 'light') : this.theme;
  }

  /** The settings as the program has them. */
  async settings(settings: { [key in string]?: string }, locale: string): Promise<void> {
    const { language, theme } = settings;
    this.theme = theme === 'light' || theme === 'dark' ? theme : 'system';
    this.#draw();
    const tongue = language === 'zh' || language === 'en' ? language : locale === 'zh' ? 'zh' : 'en';
    if (tongue !== words.tongue) {
      await words.speak(tongue);
      this.#draw();
    }
  }

  async speak(tongue: Tongue): Promise<void> {
    await words.speak(tongue);
    this.#draw();
    await this.#keep('language', tongue);
  }

  async wear(theme: Theme): Promise<void> {
    this.theme = theme;
    this.#draw();
    await this.#keep('theme', theme);
  }

  #draw(): void {
    const root = document.documentElement;
    root.dataset.theme = this.drawn;
    root.lang = words.tongue === 'zh' ? 'zh-CN' : 'en';
    this.desk.view.theme = this.drawn;
  }

  async #keep(key: string, value: string): Promise<void> {
    // Kept here at once too: an `app_state` that is under way must not turn it back.
    if (this.desk.app) this.desk.app = { ...this.desk.app, settings: { ...this.desk.app.settings, [key]: value } };
    try {
      await this.desk.commands.settingsSet(key, value);
    } catch (thrown) {
      this.desk.fail(thrown);
    }
  }
}
