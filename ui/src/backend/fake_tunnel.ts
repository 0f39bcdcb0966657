// The tunnel, the merchant API's catalogue and its document of the desk in memory. `custom` with a command that says
// `fail` opens a tunnel that nothing comes through; a program called `missing` isn't there.

import type { CatalogEntry, NotifyUrlReport, TunnelState } from './bindings';
import { Refused, type Commands } from './call';

type TunnelCommands = Pick<Commands, 'apiDocument' | 'catalogAdd' | 'catalogList' | 'catalogRemove' | 'notifyUrlCheck' | 'tunnelStart' | 'tunnelState' | 'tunnelStop'>;

const refused = (code: string, zh: string, en: string, field: string | null = null) =>
  new Refused({ code, message: { zh, en }, why: null, hint: { zh: '改正后再试一次。', en: 'Mend it and try again.' }, field, gateway: null });

const OFF: TunnelState = {
  revision: 0,
  condition: 'off',
  merchant: null,
  port: null,
  command: null,
  public_url: null,
  notify_url: null,
  notify_url_set: false,
  report: null,
  checked_at: null,
  again_at: null,
  log: [],
};

/** What a proof of a url would find. */
export function reportOf(url: string, proved: boolean): NotifyUrlReport {
  const findings: NotifyUrlReport['findings'] = [];
  if (!url.startsWith('https://')) findings.push({ rule: 'https', message: { zh: 'notify_url 须以 https:// 开头', en: 'notify_url must begin with https://' }, fix: { zh: '填写公网的 https 地址。', en: 'Use a public https address.' } });
  if (!proved) findings.push({ rule: 'never_arrived', message: { zh: '请求没有到达：连接被拒绝', en: 'The request never arrived: connection refused' }, fix: { zh: '检查域名解析、证书、防火墙。', en: 'Check the name, the certificate, the firewall.' } });
  return { notify_url: url, proved, latency_ms: proved ? 123 : null, status: proved ? 200 : null, findings };
}

export function tunnelCommands(notifyUrl: () => string | null): TunnelCommands {
  let state: TunnelState = OFF;
  let waiting: (() => void)[] = [];
  const change = (with_: Partial<TunnelState>) => {
    state = { ...state, ...with_, revision: state.revision + 1 };
    waiting.forEach((go) => go());
    waiting = [];
  };
  const say = (line: string) => ({ log: [...state.log, { at: new Date().toISOString(), line }].slice(-200) });
  let entries: CatalogEntry[] = [
    { id: 'data-12', name: '流量包 12', price: 1200, type: 'data', created_at: '2026-11-20T10:00:00+08:00' },
    { id: 'data-30g', name: '流量包 30 GB', price: 2990, type: 'data', created_at: '2026-11-20T10:00:00+08:00' },
  ];

  return {
    tunnelStart: async (m, options) => {
      if (options.preset === 'ssh' && !options.ssh_to) throw refused('INVALID_FIELD', 'ssh_to 须形如 me@server.example', 'ssh_to must be like me@server.example', 'ssh_to');
      if (options.command === 'missing') throw refused('TUNNEL_PROGRAM_MISSING', '无法启动 missing。', "missing can't be started.");
      const url = options.public_url ?? 'https://quick-brown-fox.trycloudflare.com';
      const merchant = m ?? 'sandbox';
      state = { ...OFF, revision: state.revision };
      change({ condition: 'starting', merchant, port: 8787, command: 'cloudflared tunnel --url http://127.0.0.1:8787', ...say('▸ cloudflared tunnel --url http://127.0.0.1:8787') });
      setTimeout(() => {
        if (state.condition !== 'starting') return;
        change({ public_url: url, notify_url: `${url}/notify/${merchant}`, notify_url_set: !options.keep_notify_url, ...say(`INF |  ${url}  |`) });
        const proved = !options.command?.includes('fail');
        change({ condition: proved ? 'up' : 'unreachable', report: reportOf(`${url}/notify/${merchant}`, proved), checked_at: new Date().toISOString() });
      }, 5);
      return null;
    },
    tunnelStop: async () => {
      change({ ...OFF, ...say('■') });
      return null;
    },
    tunnelState: async (seen) => {
      if (seen === state.revision) await new Promise<void>((resolve) => (waiting = [...waiting, resolve]));
      return state;
    },
    notifyUrlCheck: async () => {
      const url = notifyUrl();
      if (url === null) throw refused('NO_NOTIFY_URL', '这个商户没有 notify_url。', 'This merchant has no notify_url.');
      return reportOf(url, url.includes('127.0.0.1'));
    },
    apiDocument: async () => JSON.stringify({ openapi: '3.1.0', info: { title: 'Guitai merchant API' }, paths: { '/v1/login': {}, '/v1/orders': {} } }),
    catalogAdd: async (input) => {
      if (entries.some((entry) => entry.id === input.id)) throw refused('CATALOG_EXISTS', `目录里已经有 ${input.id}。`, `The catalogue has ${input.id} already.`, 'id');
      const entry: CatalogEntry = { id: input.id, name: input.name, price: input.price, type: input.type ?? null, created_at: new Date().toISOString() };
      entries = [...entries, entry].sort((a, b) => a.id.localeCompare(b.id));
      return entry;
    },
    catalogList: async () => ({ items: entries, next: null }),
    catalogRemove: async (id) => {
      entries = entries.filter((entry) => entry.id !== id);
      return null;
    },
  };
}
