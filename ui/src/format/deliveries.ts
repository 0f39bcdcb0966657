// What a delivery is, as far as its marks tell; and the retries of one notification laid on WeChat Pay's ladder.

import type { Callback, NotificationView } from '../backend/bindings';
import { DUE } from './ladder';

/** Genuine; or which way it isn't, or couldn't be judged. */
export type Kind = 'real' | 'forged' | 'probe' | 'stale' | 'unknown_serial' | 'unsigned' | 'undecryptable' | 'ours';

const REFUSED: Record<string, Kind> = {
  probe: 'probe',
  timestamp_stale: 'stale',
  serial_unknown: 'unknown_serial',
  header_missing: 'unsigned',
  header_repeated: 'unsigned',
  signature_type_unknown: 'unsigned',
  timestamp_malformed: 'unsigned',
};

/** Told by verdict and reason alone, so that lists can. */
export function kindOf({ verdict, reason }: Pick<Callback, 'verdict' | 'reason'>): Kind {
  if (verdict === 'rejected') return REFUSED[reason ?? ''] ?? 'forged';
  if (verdict === 'failed') return reason === 'resource_decrypts' ? 'undecryptable' : 'ours';
  return 'real';
}

/** What an address says about who sent: next to nothing, and how that is to be put. */
export type SourceKind = 'loopback' | 'private' | 'public' | 'unknown';

export function sourceKind(address: string): SourceKind {
  const plain = address.trim().replace(/^\[([^\]]+)\](:\d+)?$/, '$1').replace(/^::ffff:(?=\d)/i, '').toLowerCase();
  const four = /^(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.(\d{1,3})(:\d+)?$/.exec(plain);
  if (four) {
    const [a = 0, b = 0, c = 0, d = 0] = four.slice(1, 5).map(Number);
    if (Math.max(a, b, c, d) > 255) return 'unknown';
    if (a === 127) return 'loopback';
    return a === 10 || (a === 172 && b >= 16 && b < 32) || (a === 192 && b === 168) || (a === 169 && b === 254) || (a === 100 && b >= 64 && b < 128) ? 'private' : 'public';
  }
  if (plain === '::1') return 'loopback';
  if (!/^[0-9a-f:]+$/.test(plain) || !plain.includes(':')) return 'unknown';
  return /^f[cd]/.test(plain) || /^fe[89ab]/.test(plain) ? 'private' : 'public';
}

/** done: answered with yes. failed: any other answer, or none. missed: it fell due and nothing came here. next: it comes
    next. ahead: it comes if those before fail. abandoned: not needed any more. extra: not one of the ladder's own. */
export type StepState = 'done' | 'failed' | 'missed' | 'next' | 'ahead' | 'abandoned' | 'extra';

export interface Attempt {
  at: string;
  status: number | null;
  latency: number;
  /** What went wrong where no answer came, or with what it was spoilt. */
  note?: string;
  /** The delivery, where it came as far as here. */
  id?: string;
}

export interface Step {
  /** 1 to 16: the first notification and its 15 repetitions; 0 for what is none of them. */
  number: number;
  /** Seconds after the first. */
  due: number;
  /** Seconds after the first when it really came. */
  came: number | null;
  state: StepState;
  attempt: Attempt | null;
}

const yes = (status: number | null) => status !== null && status >= 200 && status < 300;

/** What came of one notification here, oldest first. */
export function attemptsSeen(deliveries: Callback[]): Attempt[] {
  return [...deliveries].sort((a, b) => Date.parse(a.received_at) - Date.parse(b.received_at)).map((delivery) => ({ at: delivery.received_at, status: delivery.http_status, latency: delivery.latency_ms, id: delivery.id }));
}

/** What the sandbox says that it sent, with the deliveries found again by order of arrival. */
export function attemptsSent(notification: NotificationView, deliveries: Callback[]): Attempt[] {
  const seen = attemptsSeen(deliveries);
  return notification.attempts.map((attempt) => {
    const at = seen.findIndex((it) => it.status === attempt.status && it.status !== null);
    const found = at < 0 ? undefined : seen.splice(0, at + 1).at(-1);
    return { at: attempt.at, status: attempt.status, latency: attempt.latency_ms, note: attempt.error ?? attempt.fault ?? undefined, id: found?.id };
  });
}

/** Lays attempts on the ladder. `certain`: nothing can have been missed (the sandbox tells); `over`: it gave up. */
export function retries(attempts: Attempt[], now: number, certain = false, over = false): Step[] {
  const first = attempts[0];
  if (!first) return [];
  const begun = Date.parse(first.at);
  const steps: Step[] = [];
  let taken = -1;
  let answered = false;
  for (const attempt of attempts) {
    const came = (Date.parse(attempt.at) - begun) / 1000;
    const number = answered ? -1 : nearest(came, taken, certain);
    if (number < 0) {
      steps.push({ number: 0, due: came, came, state: 'extra', attempt });
      continue;
    }
    for (let skipped = taken + 1; skipped < number; skipped++) steps.push({ number: skipped + 1, due: DUE[skipped] ?? 0, came: null, state: 'missed', attempt: null });
    steps.push({ number: number + 1, due: DUE[number] ?? 0, came, state: yes(attempt.status) ? 'done' : 'failed', attempt });
    taken = number;
    answered = yes(attempt.status);
  }
  let waiting = !answered && !over;
  for (let number = taken + 1; number < DUE.length; number++) {
    const due = DUE[number] ?? 0;
    // a retry comes a little late: only what is well past is taken for missed
    const past = begun + (due + Math.max(20, due * 0.05)) * 1000 < now;
    const state: StepState = answered || over ? 'abandoned' : past && !certain ? 'missed' : waiting ? 'next' : 'ahead';
    if (state === 'next') waiting = false;
    steps.push({ number: number + 1, due, came: null, state, attempt: null });
  }
  return steps;
}

/** The step that falls due nearest, in proportion; none before the last one taken. */
function nearest(came: number, taken: number, certain: boolean): number {
  if (certain || taken < 0) return taken + 1 < DUE.length ? taken + 1 : -1;
  let best = -1;
  let least = Infinity;
  for (let number = taken + 1; number < DUE.length; number++) {
    const off = Math.abs(Math.log1p(came) - Math.log1p(DUE[number] ?? 0));
    if (off < least) [best, least] = [number, off];
  }
  // far before anything falls due: sent twice, not again
  return best > 0 && came < (DUE[taken] ?? 0) + ((DUE[best] ?? 0) - (DUE[taken] ?? 0)) * 0.4 ? -1 : best;
}
