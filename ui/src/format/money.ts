// Money between fen (what is stored and sent) and yuan (what people read and type). Integers all the way: never a float.

/** The most that one order can be, in fen; the program's own limit, said here before anything is sent. */
export const MOST_FEN = 1_000_000_000;

/** 123450 → `1,234.50`. */
export function yuan(fen: number): string {
  const whole = Math.trunc(Math.abs(fen) / 100);
  const cents = Math.abs(fen) % 100;
  const grouped = String(whole).replace(/\B(?=(\d{3})+$)/g, ',');
  return `${fen < 0 ? '−' : ''}${grouped}.${String(cents).padStart(2, '0')}`;
}

/** 123450 → `¥1,234.50`; −5 → `−¥0.05`. */
export function money(fen: number): string {
  return fen < 0 ? `−¥${yuan(-fen)}` : `¥${yuan(fen)}`;
}

/** For axes: ¥0, ¥850, ¥1.2k / ¥1.2万 by language. */
export function roughly(fen: number, language: 'zh' | 'en'): string {
  const whole = fen / 100;
  const [step, unit] = language === 'zh' ? [10_000, '万'] : [1_000, 'k'];
  if (whole < step) return `¥${Math.round(whole)}`;
  return `¥${Number((whole / step).toFixed(1))}${unit}`;
}

/** Why a typed amount is none. */
export type AmountFault = 'empty' | 'not_a_number' | 'too_precise' | 'not_positive' | 'too_much';

/** What a person typed, in fen, or why it is no amount. Full-width digits, spaces, commas and a leading ¥ are understood. */
export function parseYuan(typed: string): { fen: number } | { fault: AmountFault } {
  const text = typed
    .normalize('NFKC')
    .replace(/[\s,]/g, '')
    .replace(/^[¥￥]/, '');
  if (text === '') return { fault: 'empty' };
  if (/^[-−]\d/.test(text)) return { fault: 'not_positive' };
  const match = /^(\d+)(?:\.(\d*))?$/.exec(text) ?? /^()\.(\d+)$/.exec(text);
  if (!match) return { fault: 'not_a_number' };
  const [, whole = '', cents = ''] = match;
  if (cents.length > 2) return { fault: 'too_precise' };
  if (whole.length > 9) return { fault: 'too_much' };
  const fen = Number(whole || '0') * 100 + Number(cents.padEnd(2, '0') || '0');
  if (fen === 0) return { fault: 'not_positive' };
  if (fen > MOST_FEN) return { fault: 'too_much' };
  return { fen };
}
