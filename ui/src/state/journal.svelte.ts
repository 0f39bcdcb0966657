// What went between the window and the program, for the workbench: calls with their time and outcome, events, problems;
// and what the program writes to its log.

import type { Commands } from '../backend/call';
import { problemOf } from '../backend/call';
import type { Problem } from '../backend/bindings';
import type { Desk } from './desk.svelte';
import { newerLines } from './health.svelte';

export interface Entry {
  id: number;
  at: string;
  kind: 'call' | 'event' | 'log';
  name: string;
  /** What was handed over; never for commands that carry keys. */
  facts: string;
  ms: number | null;
  problem: Problem | null;
}

/** Between two looks at the program's log, ms. */
const EVERY = 2000;
/** So many entries are kept. */
const MOST = 500;
/** Commands whose arguments hold secrets. */
const SECRET = new Set(['merchantAdd', 'merchantUpdate', 'copyText']);

export class Journal {
  entries = $state.raw<Entry[]>([]);
  /** What the inspector shows: the data of what is open. */
  inspected = $state.raw<{ name: string; value: unknown } | null>(null);
  #last = 0;
  /** Number of the newest line of the program's log that is here. */
  #line = 0;

  get problems(): Entry[] {
    return this.entries.filter((entry) => entry.problem !== null);
  }

  event(name: string, facts: unknown): void {
    this.#add({ kind: 'event', name, facts: brief(facts), ms: null, problem: null });
  }

  /** While followed, the program's own log is taken in. The answer ends it. */
  follow(desk: Desk): () => void {
    const look = async () => {
      const after = this.#line;
      const lines = await newerLines(desk, after);
      if (after !== this.#line || lines.length === 0) return;
      this.#line = lines.at(-1)?.n ?? after;
      const taken = lines.map((line): Entry => ({ id: ++this.#last, at: line.at, kind: 'log', name: `${line.level} ${line.target}`, facts: `${line.message} ${line.facts}`.trim(), ms: null, problem: null }));
      this.entries = [...taken.reverse(), ...this.entries].sort((one, other) => Date.parse(other.at) - Date.parse(one.at)).slice(0, MOST);
    };
    void look();
    const timer = setInterval(() => void look(), EVERY);
    return () => clearInterval(timer);
  }

  /** The same commands, each call written down. */
  watching(commands: Commands): Commands {
    const watched: Record<string, unknown> = {};
    for (const [name, command] of Object.entries(commands) as [string, (...args: unknown[]) => Promise<unknown>][]) {
      watched[name] = async (...args: unknown[]) => {
        const started = performance.now();
        const facts = SECRET.has(name) ? '…' : brief(args);
        const ended = (problem: Problem | null) => this.#add({ kind: 'call', name, facts, ms: Math.round(performance.now() - started), problem });
        try {
          const data = await command(...args);
          ended(null);
          return data;
        } catch (thrown) {
          ended(problemOf(thrown));
          throw thrown;
        }
      };
    }
    return watched as Commands;
  }

  #add(entry: Omit<Entry, 'id' | 'at'>): void {
    this.entries = [{ ...entry, id: ++this.#last, at: new Date().toISOString() }, ...this.entries].slice(0, MOST);
  }
}

function brief(facts: unknown): string {
  const text = JSON.stringify(facts) ?? '';
  return text.length > 300 ? `${text.slice(0, 300)}…` : text;
}
