import { describe, expect, test } from 'vitest';
import type { Page } from '../backend/bindings';
import { Feed, PAGE } from './feed.svelte';

interface Row {
  id: string;
  at: string;
  word: string;
}

const row = (n: number, word = 'old'): Row => ({ id: String(n), at: new Date(n * 1000).toISOString(), word });

/** A table of rows 1..count that answers in pages. */
function table(count: number) {
  const rows = Array.from({ length: count }, (_, i) => row(count - i));
  const asked: (string | null)[] = [];
  return {
    rows,
    asked,
    source: {
      key: (r: Row) => r.id,
      at: (r: Row) => r.at,
      async page(limit: number, after: string | null): Promise<Page<Row>> {
        asked.push(after);
        const from = after === null ? 0 : rows.findIndex((r) => r.id === after) + 1;
        const items = rows.slice(from, from + limit);
        return { items, next: from + limit < rows.length ? (items.at(-1)?.id ?? null) : null };
      },
    },
  };
}

describe('a feed', () => {
  test('comes in pages until its end', async () => {
    const all = table(PAGE + 5);
    const feed = new Feed(all.source);
    await feed.reload();
    expect([feed.rows.length, feed.more, feed.ready]).toEqual([PAGE, true, true]);
    await feed.extend();
    expect([feed.rows.length, feed.more]).toEqual([PAGE + 5, false]);
    await feed.extend();
    expect(all.asked).toEqual([null, '6']);
  });

  test('keeps its place when the head changes', async () => {
    const all = table(PAGE * 2);
    const feed = new Feed(all.source);
    await feed.reload();
    await feed.extend();
    all.rows.unshift(row(PAGE * 2 + 1, 'new'));
    all.rows[1] = row(PAGE * 2, 'changed');
    await feed.refresh();
    expect(feed.rows.length).toBe(PAGE * 2 + 1);
    expect(feed.rows.slice(0, 3).map((r) => r.word)).toEqual(['new', 'changed', 'old']);
    expect(new Set(feed.rows.map((r) => r.id)).size).toBe(feed.rows.length);
  });

  test('starts anew when the head is all news', async () => {
    const all = table(10);
    const feed = new Feed(all.source);
    await feed.reload();
    all.rows.unshift(...Array.from({ length: PAGE + 20 }, (_, i) => row(1000 - i, 'new')));
    await feed.refresh();
    expect(feed.rows.length).toBe(PAGE);
    expect(feed.more).toBe(true);
  });

  test('a storm of news is two questions', async () => {
    const all = table(3);
    const feed = new Feed(all.source);
    await feed.reload();
    await Promise.all(Array.from({ length: 50 }, () => feed.refresh()));
    expect(all.asked.length).toBeLessThanOrEqual(3);
  });

  test('an answer that was overtaken is not taken', async () => {
    const answers: ((page: Page<Row>) => void)[] = [];
    const feed = new Feed<Row>({ key: (r) => r.id, at: (r) => r.at, page: () => new Promise((resolve) => answers.push(resolve)) });
    const first = feed.reload();
    const second = feed.reload();
    answers[1]?.({ items: [row(2)], next: null });
    answers[0]?.({ items: [row(1)], next: null });
    await Promise.all([first, second]);
    expect(feed.rows.map((r) => r.id)).toEqual(['2']);
  });

  test('a failure is told and can be mended', async () => {
    let fail = true;
    const feed = new Feed<Row>({
      key: (r) => r.id,
      at: (r) => r.at,
      page: async () => {
        if (fail) throw new Error('no');
        return { items: [row(1)], next: null };
      },
    });
    await feed.reload();
    expect(feed.loading.problem?.code).toBe('WINDOW');
    fail = false;
    await feed.reload();
    expect([feed.loading.problem, feed.rows.length]).toEqual([null, 1]);
  });
});
