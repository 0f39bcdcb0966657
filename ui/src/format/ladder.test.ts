import { expect, test } from 'vitest';
import { DUE, GAPS, place } from './ladder';

test('the ladder has 15 gaps and ends after a day and a bit', () => {
  expect([GAPS.length, DUE.length, DUE[1], DUE[3], DUE.at(-1)]).toEqual([15, 16, 15, 60, 86_640]);
});

test('the axis runs from 0 to 1 and never turns back', () => {
  const places = DUE.map(place);
  expect([places[0], places.at(-1)]).toEqual([0, 1]);
  expect(places.every((at, i) => i === 0 || at > (places[i - 1] ?? 1))).toBe(true);
  expect([place(-5), place(1e9)]).toEqual([0, 1]);
});
