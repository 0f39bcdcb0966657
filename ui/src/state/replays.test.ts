import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { fake } from '../backend/fake';
import { Desk } from './desk.svelte';
import { MODES } from './replays.svelte';

describe('replays', () => {
  let desk: Desk;
  let ends: () => void;

  beforeEach(async () => {
    desk = new Desk(fake());
    await desk.open();
    ends = desk.replays.watch();
  });

  afterEach(() => {
    ends();
    desk.close();
  });

  const settled = () => vi.waitFor(() => expect(desk.replays.state?.summary).toBeTruthy());

  it('counts before it sends, and keeps the answers with the delivery', async () => {
    const replays = desk.replays;
    const callback = (await desk.commands.callbackList(desk.m, { verdicts: ['applied'], limit: 1 })).items[0]!;
    await replays.ask({ ids: [callback.id] });
    expect(replays.kept).toEqual([]);
    replays.to = 'http://127.0.0.1:8080/notify';
    replays.mode = 'resigned';
    replays.times = 3;
    await replays.count();
    expect(replays.forecast).toMatchObject({ deliveries: 1, requests: 3 });
    await replays.send();
    await settled();
    expect(replays.state?.summary).toMatchObject({ sent: 3, accepted: 3, stopped: false });
    await vi.waitFor(() => expect(replays.kept).toHaveLength(3));
  });

  it('edits only what is a JSON object', async () => {
    const replays = desk.replays;
    const callback = (await desk.commands.callbackList(desk.m, { verdicts: ['applied'], limit: 1 })).items[0]!;
    await replays.ask({ ids: [callback.id] });
    expect(MODES).toContain('edited');
    replays.mode = 'edited';
    expect(replays.wrong).toBeNull();
    for (const wrong of ['', '[1]', '"x"', '{', '{"a":}']) {
      replays.content = wrong;
      expect(replays.wrong, wrong).not.toBeNull();
    }
    replays.original();
    expect(replays.wrong).toBeNull();
  });

  it('refuses where it may not send, and stops when told', async () => {
    const replays = desk.replays;
    await replays.ask({ filter: { verdicts: ['applied'] } });
    replays.to = 'http://169.254.169.254/';
    await replays.count();
    expect(replays.counting.problem?.code).toBe('TARGET_REFUSED');
    replays.to = 'http://127.0.0.1:1/';
    replays.times = 50;
    await replays.send();
    expect(replays.starting.problem).toBeNull();
    await replays.stop();
    await settled();
    expect(replays.state?.summary?.stopped).toBe(true);
  });
});
