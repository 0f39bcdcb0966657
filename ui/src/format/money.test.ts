import { describe, expect, test } from 'vitest';
import { money, parseYuan, roughly } from './money';

describe('money', () => {
  test.each([
    [0, '¥0.00'],
    [1, '¥0.01'],
    [1250, '¥12.50'],
    [123450, '¥1,234.50'],
    [100000000, '¥1,000,000.00'],
    [-5, '−¥0.05'],
  ])('%i fen reads %s', (fen, text) => expect(money(fen)).toBe(text));

  test.each([
    ['12.50', 1250],
    ['12.5', 1250],
    ['12.', 1200],
    ['.5', 50],
    ['0.01', 1],
    ['１２．３０', 1230],
    ['¥1,234.50', 123450],
    [' 3 ', 300],
    ['0.29', 29],
    ['10000000', 1_000_000_000],
  ])('%j is %i fen', (typed, fen) => expect(parseYuan(typed)).toEqual({ fen }));

  test.each([
    ['', 'empty'],
    ['  ', 'empty'],
    ['0', 'not_positive'],
    ['0.00', 'not_positive'],
    ['-1', 'not_positive'],
    ['1.234', 'too_precise'],
    ['ten', 'not_a_number'],
    ['1e3', 'not_a_number'],
    ['1.2.3', 'not_a_number'],
    ['10000000.01', 'too_much'],
    ['100000000.01', 'too_much'],
    ['9999999999', 'too_much'],
  ] as const)('%j is none: %s', (typed, fault) => expect(parseYuan(typed)).toEqual({ fault }));

  test('axes are short in the language of the reader', () => {
    expect(roughly(1_234_500, 'zh')).toBe('¥1.2万');
    expect(roughly(1_234_500, 'en')).toBe('¥12.3k');
    expect(roughly(85_000, 'zh')).toBe('¥850');
  });
});
