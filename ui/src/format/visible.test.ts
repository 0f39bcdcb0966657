import { describe, expect, test } from 'vitest';
import { runs, visible } from './visible';

describe('text from outside', () => {
  test('ordinary text is one run', () => {
    expect(runs('热美式 Americano 😀')).toEqual([{ text: '热美式 Americano 😀' }]);
    expect(runs('')).toEqual([]);
  });

  test.each([
    ['a\u202eb', 'a⟦RLO⟧b'],
    ['a\u0000b', 'a␀b'],
    ['a\nb', 'a␊b'],
    ['a\u007f', 'a␡'],
    ['\ufeffa', '⟦BOM⟧a'],
    ['a\u200bb', 'a⟦ZWSP⟧b'],
    ['\u0085', '⟦U+0085⟧'],
    ['a\ud800', 'a⟦U+D800⟧'],
  ])('%j is shown as %s', (text, shown) => expect(visible(text)).toBe(shown));

  test('each has a short name to draw', () => {
    expect(runs('\u202e\n\u0085').map((run) => run.name)).toEqual(['RLO', 'LF', 'U+0085']);
  });

  test('line ends stay where they are wanted', () => {
    expect(runs('a\nb\u0001', '\n')).toEqual([{ text: 'a\nb' }, { text: '␁', odd: 'U+0001', name: 'SOH' }]);
  });
});
