import { describe, expect, test } from 'vitest';
import { en } from './en';
import { zh } from './zh';

/** Every text of a catalogue with its path; functions are asked with figures. */
function texts(value: unknown, path = ''): [string, string][] {
  if (typeof value === 'string') return [[path, value]];
  if (typeof value === 'function') return [[path, String((value as (...args: unknown[]) => string)('7', 7, '7', '7'))]];
  return Object.entries(value as Record<string, unknown>).flatMap(([key, inner]) => texts(inner, path === '' ? key : `${path}.${key}`));
}

describe('the catalogues', () => {
  test('have the same texts, tables of slugs included', () => {
    expect(texts(en).map(([path]) => path)).toEqual(texts(zh).map(([path]) => path));
  });

  test('say something everywhere', () => {
    expect([...texts(zh), ...texts(en)].filter(([, text]) => text.trim() === '')).toEqual([]);
  });

  test('English has no Chinese in it, but for the name of the language', () => {
    expect(texts(en).filter(([, text]) => /[\u3400-\u9fff]/.test(text))).toEqual([]);
  });

  test('Chinese uses Chinese punctuation', () => {
    expect(texts(zh).filter(([, text]) => /[\u3400-\u9fff][,;!?]|[\u3400-\u9fff]\.(\s|$)/.test(text))).toEqual([]);
  });
});
