// How everything is at the fake desk: a busy listener with some hostile traffic, a sound store.

import type { Health, Spread } from './bindings';
import type { Commands } from './call';

type HealthCommands = Pick<Commands, 'health' | 'logLines' | 'logFolderOpen'>;

const words = (zh: string, en: string) => ({ zh, en });
const spread = (count: number, p50_ms: number, p99_ms: number, max_ms: number, bars: number[]): Spread => ({ count, p50_ms, p99_ms, max_ms, bars });

export function healthCommands(now: () => string): HealthCommands {
  const health = (): Health => ({
    at: now(),
    data_dir: '~/.local/share/guitai',
    serving: [
      {
        program: 'guitai-desktop',
        address: 'http://127.0.0.1:8787',
        pid: 4211,
        here: true,
        gone: false,
        since: '2026-11-24T08:00:00+08:00',
        at: now(),
        deliveries: {
          applied: 1284,
          duplicate: 93,
          held: 4,
          rejected: 227,
          failed: 1,
          rejected_by: [
            { cause: 'signature_mismatch', count: 181 },
            { cause: 'timestamp_stale', count: 31 },
            { cause: 'serial_unknown', count: 9 },
            { cause: 'probe', count: 6 },
          ],
          held_by: [{ cause: 'amount_matches', count: 4 }],
          failed_by: [{ cause: 'resource_decrypts', count: 1 }],
          answered: spread(1609, 4.2, 12.9, 61.4, [31, 204, 388, 871, 96, 14, 5, 0, 0, 0, 0, 0]),
        },
        door: { accepted: 2104, open: 3, requests: 1688, evicted: 12, accept_errors: 0, overdue: 0, panics: 0, too_large: 7, refused: [{ cause: 'deadline', count: 340 }, { cause: 'request_line', count: 48 }, { cause: 'body_too_large', count: 7 }] },
        commits: { took: spread(902, 4, 10.2, 55.1, [12, 110, 301, 410, 62, 6, 1, 0, 0, 0, 0, 0]), writes: 1730, failed: 0, batch_mean: 1.9, batch_max: 41, batches: [611, 170, 70, 31, 15, 4, 1, 0, 0, 0], queue: 0, oldest_ms: null },
        patrol_queries: 37,
      },
    ],
    store_bytes: 18_350_080,
    free_bytes: 84_000_000_000,
    checks: [
      { name: 'free_space', ok: true, mended: false, detail: words('剩余 80108 MiB', '80108 MiB free') },
      { name: 'drive', ok: true, mended: false, detail: words('本机磁盘', 'a local disk') },
      { name: 'synced', ok: true, mended: false, detail: words('不在同步文件夹里', 'not in a folder that is synchronised') },
    ],
    started: { at: '2026-11-24T08:00:15+08:00', ok: true, said: 'ok' },
    integrity: { at: '2026-11-22T09:12:00+08:00', ok: true, said: 'ok' },
    backup: { daily: true, keep: 7, folder: '~/.local/share/guitai/backups/daily', count: 7, last_bytes: 17_825_792, last_at: '2026-11-24T08:05:00+08:00', last_file: 'guitai-2026-11-24.db' },
    drill: { at: '2026-11-22T09:13:00+08:00', ok: true, said: '1281 orders, 1502 callbacks' },
    clock_skew_ms: -84,
    certificates: [{ merchant: 'sandbox', serial_no: '5157F09EFDC096DE15EBE81A47057A7200000000', not_after: '2031-11-20T10:00:00+08:00', days: 1821 }],
    forwards_waiting: 0,
    logs: { folder: '~/.local/share/guitai/logs', bytes: 412_000, level: 'info', dropped: 0, left_out: 0 },
  });
  const lines = [
    { n: 1, at: '2026-11-24T08:00:01+08:00', level: 'info', target: 'guitai_console::listener', message: 'the callback listener is open', facts: 'addr=127.0.0.1:8787' },
    { n: 2, at: '2026-11-24T08:01:01+08:00', level: 'warn', target: 'guitai_console::daily', message: "the day's work could not be done; it is tried again", facts: 'code=GATEWAY_UNREACHABLE' },
  ];
  return { health: async () => health(), logLines: async (after) => lines.filter((line) => line.n > after), logFolderOpen: async () => false };
}
