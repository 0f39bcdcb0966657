import { expect, test } from 'vitest';
import { FIELDS, bytesOf, ended, parted } from './sign_lines';

test.each([
  'POST\n/v3/x\n1554208460\n593B\n{"a":\n1}\n',
  'GET\n/v3/x\n1\nn\n\n',
  'GET\r\n/v3/x\r\n1\r\nn\r\n\r\n',
  'GET\n/v3/x\n1\nn\n',
  'GET\n/v3/x',
  '',
])('%j comes back as it was', (text) => expect(ended(parted(text, FIELDS.request))).toBe(text));

test('the body has the rest, and bytes are counted as UTF-8 with the line end', () => {
  const lines = parted('1\nn\n{"a":\n"茶"}\n', FIELDS.answer);
  expect(lines.map((line) => line.text)).toEqual(['1', 'n', '{"a":\n"茶"}']);
  expect(lines.map(bytesOf)).toEqual([2, 2, 13]);
});
