// What the window remembers of how it was left: screen, split, drawer, filters. Kept in localStorage, never sent.

export const SCREENS = ['overview', 'orders', 'callbacks', 'signatures', 'sandbox', 'settings'] as const;
export type Screen = (typeof SCREENS)[number];
export type DrawerSize = 'closed' | 'half' | 'full';

const KEY = 'guitai.view';

interface Kept {
  screen: Screen;
  /** Share of the list in list + detail. */
  split: number;
  drawer: DrawerSize;
  /** Filters by merchant, as the screens wrote them. */
  filters: Record<string, unknown>;
  /** Theme that was drawn last: the first frame is drawn before the settings are here. */
  theme: 'light' | 'dark' | null;
}

function kept(): Partial<Kept> {
  try {
    return JSON.parse(localStorage.getItem(KEY) ?? '{}') as Partial<Kept>;
  } catch {
    return {};
  }
}

export class View {
  screen = $state<Screen>('overview');
  split = $state(0.42);
  drawer = $state<DrawerSize>('closed');
  #filters: Record<string, unknown> = {};
  #theme: Kept['theme'] = null;

  constructor() {
    const before = kept();
    if (before.screen && SCREENS.includes(before.screen)) this.screen = before.screen;
    if (typeof before.split === 'number' && before.split > 0.15 && before.split < 0.85) this.split = before.split;
    this.#filters = before.filters ?? {};
    this.#theme = before.theme === 'dark' || before.theme === 'light' ? before.theme : null;
  }

  get theme(): Kept['theme'] {
    return this.#theme;
  }

  set theme(theme: Kept['theme']) {
    this.#theme = theme;
    this.#keep();
  }

  go(screen: Screen): void {
    this.screen = screen;
    this.#keep();
  }

  /** The list gets this share of the width; kept within what stays usable. */
  splitAt(share: number): void {
    this.split = Math.min(0.7, Math.max(0.24, share));
    this.#keep();
  }

  /** closed → half → full → closed. */
  turnDrawer(): void {
    this.drawer = this.drawer === 'closed' ? 'half' : this.drawer === 'half' ? 'full' : 'closed';
  }

  filter<F>(key: string, fallback: F): F {
    return Object.hasOwn(this.#filters, key) ? (this.#filters[key] as F) : fallback;
  }

  keepFilter(key: string, filter: unknown): void {
    this.#filters = { ...this.#filters, [key]: filter };
    this.#keep();
  }

  #keep(): void {
    const now: Kept = { screen: this.screen, split: this.split, drawer: this.drawer, filters: this.#filters, theme: this.#theme };
    try {
      localStorage.setItem(KEY, JSON.stringify(now));
    } catch {
      // A full or forbidden storage costs the memory of the view, nothing else.
    }
  }
}
