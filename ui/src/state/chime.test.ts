import { expect, test } from 'vitest';
import { quiet } from './chime';

const at = (time: string) => new Date(`2026-11-24T${time}:00+08:00`);
const night = { quiet_from: '22:00', quiet_until: '07:30' };

test.each([
  [night, '23:00', true],
  [night, '00:00', true],
  [night, '07:29', true],
  [night, '07:30', false],
  [night, '12:00', false],
  [{ quiet_from: '12:00', quiet_until: '13:00' }, '12:59', true],
  [{ quiet_from: '12:00' }, '12:30', false],
  [{ quiet_from: '25:00', quiet_until: '26:00' }, '01:30', false],
  [{}, '01:00', false],
])('%j at %s is quiet: %s', (settings, time, expected) => {
  expect(quiet(settings, at(time))).toBe(expected);
});
