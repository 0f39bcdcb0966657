import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { describe, expect, test } from 'vitest';

const css = readFileSync(resolve('src/style/tokens.css'), 'utf8');

function roles(theme: 'light' | 'dark'): Record<string, string> {
  const block = css.slice(css.indexOf(`[data-theme="${theme}"]`));
  const body = block.slice(block.indexOf('{'), block.indexOf('}'));
  return Object.fromEntries([...body.matchAll(/--([\w-]+):\s*(#[0-9a-f]{6})/gi)].map(([, name, value]) => [name, value]));
}

function luminance(hex: string): number {
  const [r = 0, g = 0, b = 0] = [1, 3, 5].map((at) => {
    const part = Number.parseInt(hex.slice(at, at + 2), 16) / 255;
    return part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4;
  });
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
}

function contrast(a: string, b: string): number {
  const [light = 0, dark = 0] = [luminance(a), luminance(b)].sort((x, y) => y - x);
  return (light + 0.05) / (dark + 0.05);
}

const GROUNDS = ['canvas', 'surface', 'raised', 'sunken', 'hover', 'selected'];
const PAIRS: [string, string][] = [
  ...['text', 'text-soft', 'text-muted', 'good', 'wait', 'bad', 'probe', 'again', 'still', 'link'].flatMap((text) => GROUNDS.map((ground): [string, string] => [text, ground])),
  ...['good', 'wait', 'bad', 'probe', 'again', 'still'].map((tone): [string, string] => [tone, `${tone}-surface`]),
  ['text', 'bad-surface'],
  ['text-soft', 'bad-surface'],
  ['on-primary', 'primary'],
  ['on-primary', 'primary-hover'],
  ...['code', 'code-key', 'code-string', 'code-number', 'code-odd'].flatMap((text) => ['surface', 'sunken'].map((ground): [string, string] => [text, ground])),
];

describe.each(['light', 'dark'] as const)('%s', (theme) => {
  const colours = roles(theme);

  test('both themes define the same roles', () => {
    expect(Object.keys(colours).sort()).toEqual(Object.keys(roles(theme === 'light' ? 'dark' : 'light')).sort());
  });

  test.each(PAIRS)('%s on %s is readable (AA, 4.5:1)', (text, ground) => {
    expect(contrast(colours[text] ?? '', colours[ground] ?? '')).toBeGreaterThanOrEqual(4.5);
  });

  test.each([
    ['focus', 'surface'],
    ['focus', 'canvas'],
    ['good-fill', 'surface'],
    ['bad-fill', 'surface'],
    ['again-fill', 'surface'],
  ])('%s on %s can be told apart (3:1)', (mark, ground) => {
    expect(contrast(colours[mark] ?? '', colours[ground] ?? '')).toBeGreaterThanOrEqual(3);
  });
});
