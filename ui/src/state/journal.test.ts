import { expect, test } from 'vitest';
import { Refused, type Commands } from '../backend/call';
import { Journal } from './journal.svelte';

const problem = { code: 'NO', message: { zh: '不', en: 'no' }, why: null, hint: { zh: '', en: '' }, field: null, gateway: null };

test('calls are written down with their outcome, secrets are not', async () => {
  const journal = new Journal();
  const commands = journal.watching({
    orderQuery: async () => ({}),
    orderClose: async () => {
      throw new Refused(problem);
    },
    merchantAdd: async () => ({}),
  } as unknown as Commands);
  await commands.orderQuery('shop', 'A1');
  await expect(commands.orderClose('shop', 'A1')).rejects.toThrow('NO');
  await commands.merchantAdd({ private_key: 'TOP-SECRET' } as never);
  expect(journal.entries.map((entry) => entry.name)).toEqual(['merchantAdd', 'orderClose', 'orderQuery']);
  expect(journal.problems.map((entry) => entry.problem?.code)).toEqual(['NO']);
  expect(journal.entries.at(-1)?.facts).toContain('A1');
  expect(JSON.stringify(journal.entries)).not.toContain('TOP-SECRET');
});

test('it has a bound', () => {
  const journal = new Journal();
  for (let i = 0; i < 600; i++) journal.event('order_changed', i);
  expect(journal.entries.length).toBe(500);
  expect(journal.entries[0]?.facts).toBe('599');
});
