// Short messages in the corner that go by themselves.

export interface Toast {
  id: number;
  tone: 'good' | 'bad' | 'plain';
  text: string;
  detail?: string;
  /** What a click does. */
  open?: () => void;
  /** Takes back what was just done. */
  undo?: () => void;
}

/** How long one stays, ms; a failure stays longer, and so does what can be taken back. */
const STAY = { good: 5000, plain: 3500, bad: 9000, undo: 9000 };
/** At most so many at once; the oldest goes. */
const MOST = 4;

export class Toasts {
  list = $state.raw<Toast[]>([]);
  #last = 0;

  show(toast: Omit<Toast, 'id'>): void {
    const id = ++this.#last;
    this.list = [...this.list, { ...toast, id }].slice(-MOST);
    setTimeout(() => this.close(id), STAY[toast.undo ? 'undo' : toast.tone]);
  }

  close(id: number): void {
    this.list = this.list.filter((toast) => toast.id !== id);
  }
}
