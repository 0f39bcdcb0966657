import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { fake } from '../backend/fake';
import { Desk } from './desk.svelte';

describe('the shop', () => {
  let desk: Desk;

  beforeEach(async () => {
    localStorage.clear();
    desk = new Desk(fake());
    await desk.open();
    await desk.shop.read();
  });

  afterEach(() => desk.close());

  it('switches the API and keeps who may call', async () => {
    const { shop } = desk;
    expect(shop.on).toBe(false);
    shop.typed = 'https://shop.example\nhttp://localhost:5173';
    await shop.set(true);
    await vi.waitFor(() => expect(shop.on).toBe(true));
    expect(desk.app?.listener.api).toBe(true);
    expect(shop.origins).toBe('https://shop.example\nhttp://localhost:5173');
    shop.typed = 'shop.example/';
    await shop.set(true);
    expect(shop.switching.problem?.field).toBe('api_origins');
    expect(shop.typed).toBe('shop.example/');
    shop.typed = null;
    await shop.set(false);
    await vi.waitFor(() => expect(desk.app?.listener.api).toBe(false));
  });

  it('names what is wrong with an entry before anything is sent', async () => {
    const { shop } = desk;
    for (const [id, name, price, fields] of [
      ['', '', '', ['id', 'name', 'price']],
      ['a b', 'n', '1', ['id']],
      ['包', 'n', '1', ['id']],
      ['a'.repeat(33), 'n', '1', ['id']],
      ['a', '字'.repeat(128), '1', ['name']],
      ['a', 'n', '1.234', ['price']],
      ['a', 'n', '0', ['price']],
      ['a', 'n', '-1', ['price']],
      ['a', 'n', 'ten', ['price']],
    ] as const) {
      Object.assign(shop, { id, name, price });
      expect(await shop.add()).toBe(false);
      expect(shop.faults.map((fault) => fault.field), `${id} ${name} ${price}`).toEqual(fields);
    }
    expect(shop.entries).toHaveLength(2);
  });

  it('adds in fen, refuses an id that is taken, removes and takes that back', async () => {
    const { shop } = desk;
    Object.assign(shop, { id: 'card', name: '年卡', price: '1288', kind: '' });
    expect(await shop.add()).toBe(true);
    expect(shop.entries?.find((entry) => entry.id === 'card')).toMatchObject({ price: 128_800, type: null });
    Object.assign(shop, { id: 'card', name: '年卡', price: '1' });
    expect(await shop.add()).toBe(false);
    expect(shop.saving.problem?.code).toBe('CATALOG_EXISTS');
    await shop.remove(shop.entries!.find((entry) => entry.id === 'card')!);
    expect(shop.entries?.some((entry) => entry.id === 'card')).toBe(false);
    desk.toasts.list.at(-1)?.undo?.();
    await vi.waitFor(() => expect(shop.entries?.find((entry) => entry.id === 'card')?.price).toBe(128_800));
  });
});
