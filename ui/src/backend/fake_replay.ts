// Replays and forwards of the desk in memory: every request is answered 204, but where the address says otherwise.

import type { Callback, Forward, ForwardTarget, Replay, ReplayBatch, ReplayForecast, ReplayState, ReplayStep } from './bindings';
import { Refused, type Commands } from './call';

type ReplayCommands = Pick<
  Commands,
  | 'callbackReplays'
  | 'replayCount'
  | 'replayStart'
  | 'replayState'
  | 'replayStop'
  | 'forwardList'
  | 'forwardRecover'
  | 'forwardTargetAdd'
  | 'forwardTargetList'
  | 'forwardTargetPause'
  | 'forwardTargetRemove'
>;

const DAY = '2026-11-24T18:37:12+08:00';

function refused(url: string): Refused {
  return new Refused({
    code: 'TARGET_REFUSED',
    message: { zh: `${url} 是内网、链路本地或云平台内部的地址，没有发送。`, en: `${url} is a private, link-local or cloud-internal address; nothing was sent.` },
    why: null,
    hint: { zh: '确认是自己的后端后再试。', en: 'If it is your own backend, allow it.' },
    field: null,
    gateway: null,
  });
}

export function replayCommands(callbacks: () => Callback[]): ReplayCommands {
  const kept = new Map<string, Replay[]>();
  let state: ReplayState = { revision: 0, running: false, forecast: null, done: 0, steps: [], summary: null, problem: null };
  let waiting: (() => void)[] = [];
  let stopped = false;
  const change = (with_: Partial<ReplayState>) => {
    state = { ...state, ...with_, revision: state.revision + 1 };
    waiting.forEach((go) => go());
    waiting = [];
  };
  let targets: ForwardTarget[] = [
    { url: 'http://127.0.0.1:8080/notify', what: 'accepted', event_type: null, allow_private: false, paused: false, created_at: DAY, waiting: 2, dead: 1, last_status: 500, last_error: null },
    { url: 'http://127.0.0.1:8081/refunds', what: 'accepted', event_type: 'REFUND', allow_private: false, paused: true, created_at: DAY, waiting: 0, dead: 0, last_status: null, last_error: null },
  ];
  let dead: Forward[] = [
    { id: 'fw_3', callback_id: 'cb_12', merchant: 'sandbox', event_type: 'TRANSACTION.SUCCESS', out_trade_no: '20261124183712000001', target: 'http://127.0.0.1:8080/notify', state: 'dead', attempts: 10, created_at: DAY, last_at: DAY, last_status: 500, last_error: null, unknown: false, next_at: null },
  ];

  const chosen = (batch: ReplayBatch): string[] =>
    (batch.ids ?? []).length > 0
      ? (batch.ids ?? [])
      : callbacks()
          .filter((it) => !batch.filter?.verdicts?.length || batch.filter.verdicts.includes(it.verdict))
          .map((it) => it.id);
  const forecastOf = (batch: ReplayBatch): ReplayForecast => {
    const { to, resigned, edited } = batch.how;
    if (!to.includes('127.0.0.1')) throw refused(to);
    const deliveries = chosen(batch).length;
    const proves = edited
      ? { zh: '内容改过，重新加密并用沙箱的密钥签名：微信支付从未发送过它。', en: 'Edited, sealed and signed anew with the sandbox’s key: WeChat Pay never sent it.' }
      : resigned
        ? { zh: '用沙箱的密钥重新签名：不能证明后端信任真实微信支付的密钥。', en: 'Signed anew with the sandbox’s key: it proves nothing about the real WeChat Pay’s key.' }
        : { zh: '按原样重放：时间戳是 3 小时前的。超过 300 秒后正确的后端会拒绝它。', en: 'Sent as received: its time stamp is 3 h old. A right backend refuses it after 300 s.' };
    return { deliveries, requests: deliveries * (batch.times || 1), to, seed: batch.shuffle ? 7 : null, proves };
  };

  return {
    callbackReplays: async (id) => kept.get(id) ?? [],
    replayCount: async (_m, batch) => forecastOf(batch),
    replayStart: async (_m, batch) => {
      const forecast = forecastOf(batch);
      stopped = false;
      change({ running: true, forecast, done: 0, steps: [], summary: null, problem: null });
      const order = chosen(batch).flatMap((id) => Array.from({ length: batch.times || 1 }, () => id));
      const next = (done: number): void => {
        const id = order[done];
        if (id === undefined || stopped) {
          change({ running: false, summary: { deliveries: forecast.deliveries, requests: forecast.requests, sent: done, accepted: done, refused: 0, unanswered: 0, not_sent: 0, stopped: id !== undefined, longest_ms: 12, seed: forecast.seed } });
          return;
        }
        const answer = { status: 204, latency_ms: 12, response_headers: [['server', 'fake']] as [string, string][], response_body: '', cut: false, error: null };
        const { to, resigned = false, edited, fault = null } = batch.how;
        const replay: Replay = { ...answer, id: `rp_${done + 1}`, at: new Date().toISOString(), to, resigned, edited: edited != null, fault };
        kept.set(id, [...(kept.get(id) ?? []), replay]);
        const step: ReplayStep = { id, done: done + 1, total: forecast.requests, answer, problem: null };
        change({ done: done + 1, steps: [...state.steps, step].slice(-100) });
        setTimeout(() => next(done + 1), 5);
      };
      setTimeout(() => next(0), 5);
      return null;
    },
    replayState: async (seen) => {
      if (seen === state.revision) await new Promise<void>((resolve) => (waiting = [...waiting, resolve]));
      return state;
    },
    replayStop: async () => {
      stopped = true;
      return null;
    },
    forwardList: async (filter) => ({ items: filter.state === 'dead' ? dead : [], next: null }),
    forwardRecover: async () => {
      const count = dead.length;
      dead = [];
      targets = targets.map((target) => ({ ...target, dead: 0 }));
      return count;
    },
    forwardTargetAdd: async (input) => {
      if (!input.url.includes('127.0.0.1')) throw refused(input.url);
      const target: ForwardTarget = { url: input.url, what: input.what ?? 'accepted', event_type: input.event_type ?? null, allow_private: input.allow_private ?? false, paused: false, created_at: new Date().toISOString(), waiting: 0, dead: 0, last_status: null, last_error: null };
      targets = [...targets.filter((it) => it.url !== target.url), target];
      return target;
    },
    forwardTargetList: async () => targets,
    forwardTargetPause: async (url, paused) => {
      targets = targets.map((target) => (target.url === url ? { ...target, paused } : target));
      const found = targets.find((target) => target.url === url);
      if (!found) throw refused(url);
      return found;
    },
    forwardTargetRemove: async (url) => {
      targets = targets.filter((target) => target.url !== url);
      return null;
    },
  };
}
