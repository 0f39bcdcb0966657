// The door to the program: the only file (beside the generated bindings) that knows the Tauri API. Calls give their
// data or throw a `Refused`; whatever else went wrong is normalised to a Problem too.

import { commands, events, type AppState, type DeskNews, type Problem, type SandboxNews } from './bindings';

type Data<R> = R extends { status: 'ok'; data: infer D } ? D : never;

/** Every command of the program, giving its data. */
export type Commands = {
  [K in keyof typeof commands]: (typeof commands)[K] extends (...args: infer A) => Promise<infer R> ? (...args: A) => Promise<Data<R>> : never;
};

/** What the window asks of the outside; the real one, or a fake in tests and the browser. */
export interface Backend {
  commands: Commands;
  /** Listens for what changed; the answer stops it. */
  onDesk(listener: (news: DeskNews) => void): Promise<() => void>;
  onSandbox(listener: (news: SandboxNews) => void): Promise<() => void>;
  onApp(listener: (state: AppState) => void): Promise<() => void>;
}

/** A call that was refused, with what to tell people. */
export class Refused extends Error {
  constructor(readonly problem: Problem) {
    super(problem.code);
    this.name = 'Refused';
  }
}

/** Whatever was thrown, as a Problem: bugs and denials of the window's own plumbing arrive as texts or Errors. */
export function problemOf(thrown: unknown): Problem {
  if (thrown instanceof Refused) return thrown.problem;
  if (thrown !== null && typeof thrown === 'object' && 'code' in thrown && 'message' in thrown && 'hint' in thrown) return thrown as Problem;
  const words = thrown instanceof Error ? `${thrown.name}: ${thrown.message}` : String(thrown);
  return {
    code: 'WINDOW',
    message: { zh: '窗口和程序之间出了错', en: 'Something went wrong between the window and the program' },
    why: { zh: words, en: words },
    hint: { zh: '重试一次；如果还是这样，请把工作台里的记录发给开发者。', en: 'Try again; if it stays so, send the log in the workbench to the developers.' },
    field: null,
    gateway: null,
  };
}

type Wrapped = (...args: unknown[]) => Promise<{ status: 'ok'; data: unknown } | { status: 'error'; error: unknown }>;

function unwrapped(): Commands {
  const plain: Record<string, unknown> = {};
  for (const [name, command] of Object.entries(commands)) {
    plain[name] = async (...args: unknown[]) => {
      const answer = await (command as unknown as Wrapped)(...args);
      if (answer.status === 'error') throw new Refused(problemOf(answer.error));
      return answer.data;
    };
  }
  return plain as Commands;
}

/** The program that this window belongs to. */
export function tauri(): Backend {
  return {
    commands: unwrapped(),
    onDesk: (listener) => events.deskEvent.listen(({ payload }) => listener(payload)),
    onSandbox: (listener) => events.sandboxEvent.listen(({ payload }) => listener(payload)),
    onApp: (listener) => events.appChanged.listen(({ payload }) => listener(payload)),
  };
}

/** Is there a program around this page, or is it a browser that looks at it? */
export const inProgram = (): boolean => '__TAURI_INTERNALS__' in globalThis;
