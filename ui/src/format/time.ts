// Instants as people read them: local, grouped by day, exact on hover. The wire's form is RFC 3339 with an offset.

import type { Tongue } from '../text';

const pad = (n: number) => String(n).padStart(2, '0');

function parsed(instant: string): Date | null {
  const date = new Date(instant);
  return Number.isNaN(date.getTime()) ? null : date;
}

/** `2026-11-24`, local: what days are grouped by. */
export function dayKey(instant: string | Date): string {
  const date = instant instanceof Date ? instant : parsed(instant);
  return date ? `${date.getFullYear()}-${pad(date.getMonth() + 1)}-${pad(date.getDate())}` : '';
}

/** `14:03` or `14:03:09`, local. */
export function clock(instant: string, seconds = false): string {
  const date = parsed(instant);
  if (!date) return instant;
  return `${pad(date.getHours())}:${pad(date.getMinutes())}${seconds ? `:${pad(date.getSeconds())}` : ''}`;
}

/** `14:03:09.123`, local: where order within a second matters. */
export function clockMillis(instant: string): string {
  const date = parsed(instant);
  return date ? `${clock(instant, true)}.${String(date.getMilliseconds()).padStart(3, '0')}` : instant;
}

/** 今天, 昨天, 11月22日 周日; with the year once it is another. */
export function dayName(key: string, tongue: Tongue, now: Date): string {
  const [year = 0, month = 1, day = 1] = key.split('-').map(Number);
  const yesterday = new Date(now.getFullYear(), now.getMonth(), now.getDate() - 1);
  if (key === dayKey(now)) return tongue === 'zh' ? '今天' : 'Today';
  if (key === dayKey(yesterday)) return tongue === 'zh' ? '昨天' : 'Yesterday';
  const date = new Date(year, month - 1, day);
  return new Intl.DateTimeFormat(tongue === 'zh' ? 'zh-CN' : 'en-GB', {
    year: year === now.getFullYear() ? undefined : 'numeric',
    month: tongue === 'zh' ? 'long' : 'short',
    day: 'numeric',
    weekday: 'short',
  }).format(date);
}

/** Day and time in one: today only the time. */
export function moment(instant: string, tongue: Tongue, now: Date): string {
  const key = dayKey(instant);
  if (!key) return instant;
  return key === dayKey(now) ? clock(instant, true) : `${dayName(key, tongue, now)} ${clock(instant)}`;
}

/** RFC 3339 with the local offset, for the hover. */
export function exact(instant: string): string {
  const date = parsed(instant);
  if (!date) return instant;
  const offset = -date.getTimezoneOffset();
  const zone = `${offset < 0 ? '-' : '+'}${pad(Math.trunc(Math.abs(offset) / 60))}:${pad(Math.abs(offset) % 60)}`;
  const millis = date.getMilliseconds() ? `.${String(date.getMilliseconds()).padStart(3, '0')}` : '';
  return `${dayKey(date)}T${clock(instant, true)}${millis}${zone}`;
}

/** `1:59:07`, `04:09`: what is left until an instant; null once it is past. */
export function countdown(until: string, now: Date): string | null {
  const end = parsed(until);
  if (!end) return null;
  const left = Math.ceil((end.getTime() - now.getTime()) / 1000);
  if (left <= 0) return null;
  const [hours, minutes, seconds] = [Math.trunc(left / 3600), Math.trunc((left % 3600) / 60), left % 60];
  return hours > 0 ? `${hours}:${pad(minutes)}:${pad(seconds)}` : `${pad(minutes)}:${pad(seconds)}`;
}

/** 940 → `940 ms`, 12500 → `12.5 s`. */
export function duration(ms: number): string {
  if (ms < 1000) return `${ms} ms`;
  return `${Number((ms / 1000).toFixed(ms < 10_000 ? 2 : 1))} s`;
}

/** Seconds as the largest fitting units: `2 h 5 min`. */
export function span(seconds: number, tongue: Tongue): string {
  const units: [number, string, string][] = [
    [86400, ' 天', ' d'],
    [3600, ' 小时', ' h'],
    [60, ' 分', ' min'],
    [1, ' 秒', ' s'],
  ];
  const parts: string[] = [];
  let rest = Math.trunc(seconds);
  for (const [size, zh, en] of units) {
    const count = Math.trunc(rest / size);
    rest %= size;
    if (count > 0) parts.push(`${count}${tongue === 'zh' ? zh : en}`);
    if (parts.length === 2) break;
  }
  return parts.join(' ') || (tongue === 'zh' ? '0 秒' : '0 s');
}
