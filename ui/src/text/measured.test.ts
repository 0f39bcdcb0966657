import { afterEach, expect, test } from 'vitest';
import { journalLine, measured } from './measured';
import { words } from './words.svelte';

afterEach(() => words.speak('zh'));

test('what a check measured is said in Chinese, and what is not known stays', async () => {
  await words.speak('zh');
  expect(['SHA256-RSA over 952 bytes', 'NOTPAY to SUCCESS', '250 of 1250', '13 CNY, the order says 12 CNY', 'GT2026 something new'].map(measured)).toEqual(['SHA256-RSA，952 字节', '待支付 → 已支付', '¥2.50 / ¥12.50', '¥0.13 CNY，订单是 ¥0.12 CNY', 'GT2026 something new']);
  await words.speak('en');
  expect(measured('NOTPAY to SUCCESS')).toBe('NOTPAY to SUCCESS');
});

test('a line of the journal has words for its codes', async () => {
  await words.speak('zh');
  expect(journalLine('refund_settled REFUND RF1 SUCCESS')).toBe('退款有了结果 · 转入退款 · RF1 · 已退款');
  expect(journalLine('callback duplicate')).toBe('收到回调 · 重复');
  await words.speak('en');
  expect(journalLine('paid SUCCESS 4200')).toBe('Paid · Paid · 4200');
});
