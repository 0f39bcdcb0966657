import { expect, test } from 'vitest';
import { cut, decimal } from './ids';

test('long ids are cut in the middle, short ones are not', () => {
  expect(cut('GT20261124')).toBe('GT20261124');
  const long = cut('wx201410272009395522657a690389285100');
  expect(long).toHaveLength(18);
  expect(long.startsWith('wx2014102')).toBe(true);
  expect(long.endsWith('9285100'.slice(-4))).toBe(true);
});

test('a serial is shown in decimal', () => {
  expect(decimal('FF')).toBe('255');
  expect(decimal('5157F09EFDC096DE15EBE81A47057A7232F1B8E1')).toBe('464389378319535425530970086054627680253797054689');
  expect(decimal('PUB_KEY_ID_0114232134912410000000000000')).toBeNull();
});
