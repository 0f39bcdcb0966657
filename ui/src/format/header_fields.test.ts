import { describe, expect, test } from 'vitest';
import { pieces } from './header_fields';

const AUTH = 'WECHATPAY2-SHA256-RSA2048 mchid="1900",nonce_str="59,3B",signature="uO/V+R==",timestamp="1554208460",serial_no="1DDE"';

describe('the pieces of a header', () => {
  test('Authorization falls into its items and loses nothing', () => {
    const found = pieces('authorization', AUTH);
    expect(found.filter((piece) => piece.field !== null)).toEqual([
      { text: 'mchid="1900"', field: 'mchid' },
      { text: 'nonce_str="59,3B"', field: 'nonce' },
      { text: 'signature="uO/V+R=="', field: 'signature' },
      { text: 'timestamp="1554208460"', field: 'timestamp' },
      { text: 'serial_no="1DDE"', field: 'serial' },
    ]);
    expect(found.map((piece) => piece.text).join('')).toBe(AUTH);
  });

  test.each([
    ['Wechatpay-Nonce', 'n', 'nonce'],
    ['WECHATPAY-SERIAL', 'S', 'serial'],
    ['Content-Type', 'application/json', null],
    ['constructor', 'x', null],
    ['Authorization', '', null],
  ])('%s is one piece', (name, value, field) => {
    expect(pieces(name, value)).toEqual(value === '' ? [] : [{ text: value, field }]);
  });
});
