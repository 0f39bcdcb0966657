import { describe, expect, test } from 'vitest';
import { clock, countdown, dayKey, dayName, duration, exact, moment, span } from './time';

const at = (day: number, hour: number, minute = 0, second = 0) => new Date(2026, 10, day, hour, minute, second);
const now = at(24, 12);

describe('time', () => {
  test('days have names that people use', () => {
    expect(dayName(dayKey(at(24, 1)), 'zh', now)).toBe('今天');
    expect(dayName(dayKey(at(23, 23)), 'zh', now)).toBe('昨天');
    expect(dayName(dayKey(at(23, 23)), 'en', now)).toBe('Yesterday');
    expect(dayName('2026-11-20', 'zh', now)).toMatch(/11月20日/);
    expect(dayName('2025-11-20', 'zh', now)).toMatch(/2025年11月20日/);
  });

  test('the first of a month has a yesterday', () => {
    expect(dayName('2026-10-31', 'zh', new Date(2026, 10, 1, 0, 5))).toBe('昨天');
  });

  test('today needs only the time', () => {
    const instant = at(24, 9, 5, 7).toISOString();
    expect(moment(instant, 'zh', now)).toBe('09:05:07');
    expect(clock(instant)).toBe('09:05');
    expect(moment(at(23, 9, 5).toISOString(), 'zh', now)).toBe('昨天 09:05');
  });

  test('the exact form is the same instant', () => {
    const instant = '2026-11-24T10:34:56+08:00';
    expect(exact(instant)).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d[+-]\d\d:\d\d$/);
    expect(new Date(exact(instant)).getTime()).toBe(new Date(instant).getTime());
    expect(exact('nonsense')).toBe('nonsense');
  });

  test.each([
    [7147, '1:59:07'],
    [249, '04:09'],
    [1, '00:01'],
  ])('%i s left reads %s', (seconds, text) => {
    expect(countdown(new Date(now.getTime() + seconds * 1000).toISOString(), now)).toBe(text);
  });

  test('nothing is left once it is past', () => {
    expect(countdown(now.toISOString(), now)).toBeNull();
    expect(countdown('', now)).toBeNull();
  });

  test('durations and spans', () => {
    expect([duration(12), duration(1500), duration(12_500)]).toEqual(['12 ms', '1.5 s', '12.5 s']);
    expect([span(7500, 'zh'), span(90_000, 'en'), span(0, 'en')]).toEqual(['2 小时 5 分', '1 d 1 h', '0 s']);
  });
});
