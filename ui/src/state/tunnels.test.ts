import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { NotifyUrlReport } from '../backend/bindings';
import { fake, type FakeBackend } from '../backend/fake';
import { reportOf } from '../backend/fake_tunnel';
import { Desk } from './desk.svelte';
import { outcomeOf, PRESETS } from './tunnels.svelte';

describe('the tunnel', () => {
  let backend: FakeBackend;
  let desk: Desk;

  beforeEach(async () => {
    localStorage.clear();
    backend = fake();
    desk = new Desk(backend);
    await desk.open();
  });

  afterEach(() => desk.close());

  const condition = (wanted: string) => vi.waitFor(() => expect(desk.tunnels.state?.condition).toBe(wanted));

  it('is followed from the start: off, up with what was measured, off again', async () => {
    const { tunnels } = desk;
    await condition('off');
    expect(tunnels.open).toBe(false);
    await tunnels.start();
    await condition('up');
    expect(tunnels.state?.notify_url).toBe('https://quick-brown-fox.trycloudflare.com/notify/sandbox');
    expect(tunnels.report).toMatchObject({ proved: true, latency_ms: 123 });
    expect(tunnels.state?.log[0]?.line).toContain('cloudflared');
    await tunnels.stop();
    await condition('off');
    expect(tunnels.report).toBeNull();
  });

  it('says that nothing comes through', async () => {
    const { tunnels } = desk;
    tunnels.preset = 'custom';
    tunnels.command = 'fail';
    tunnels.publicUrl = 'https://pay.shop.example';
    await tunnels.start();
    await condition('unreachable');
    expect(outcomeOf(tunnels.report!)).toBe('never_arrived');
  });

  it('sends what the preset uses and nothing else', () => {
    const { tunnels } = desk;
    Object.assign(tunnels, { sshTo: ' me@server.example ', remotePort: '18787', config: 'frpc.toml', command: 'x', publicUrl: 'https://pay.shop.example', arguments: '-p\n\n 2222 ' });
    const used: Record<string, string[]> = {
      cloudflared: [],
      ngrok: [],
      frpc: ['public_url', 'config'],
      ssh: ['public_url', 'ssh_to', 'remote_port'],
      custom: ['public_url', 'command'],
    };
    for (const preset of PRESETS) {
      tunnels.preset = preset;
      const options = tunnels.options();
      const given = (['public_url', 'ssh_to', 'remote_port', 'config', 'command'] as const).filter((field) => options[field] !== null && options[field] !== 0);
      expect(given.sort(), preset).toEqual(used[preset]!.sort());
      expect(options.arguments).toEqual(['-p', '2222']);
    }
    tunnels.preset = 'ssh';
    expect(tunnels.options()).toMatchObject({ ssh_to: 'me@server.example', remote_port: 18787 });
  });

  it('starts nothing with a port that is none', async () => {
    const { tunnels } = desk;
    tunnels.preset = 'ssh';
    tunnels.sshTo = 'me@server.example';
    for (const port of ['65536', '-1', '22x', '123456']) {
      tunnels.remotePort = port;
      expect(tunnels.portWrong, port).toBe(true);
      await tunnels.start();
      expect(tunnels.open).toBe(false);
    }
    for (const port of ['', '0', '65535']) {
      tunnels.remotePort = port;
      expect(tunnels.portWrong, port).toBe(false);
    }
  });

  it('keeps the choice for the next time, but no command and no certificate', async () => {
    const { tunnels } = desk;
    tunnels.preset = 'ssh';
    tunnels.sshTo = 'me@server.example';
    tunnels.command = 'secret';
    tunnels.ca = '-----BEGIN CERTIFICATE-----';
    await tunnels.start();
    const next = new Desk(fake());
    expect(next.tunnels).toMatchObject({ preset: 'ssh', sshTo: 'me@server.example', command: '', ca: '' });
  });

  it('keeps why it could not be started, and checks the present address', async () => {
    const { tunnels } = desk;
    tunnels.preset = 'custom';
    tunnels.command = 'missing';
    await tunnels.start();
    expect(tunnels.starting.problem?.code).toBe('TUNNEL_PROGRAM_MISSING');
    await tunnels.check();
    expect(tunnels.report?.notify_url).toContain('/notify/');
  });

  it('tells what never arrived from what arrived and was refused', () => {
    const report = (fields: Partial<NotifyUrlReport>): NotifyUrlReport => ({ ...reportOf('https://a.example/notify/x', false), ...fields });
    const finding = (rule: string) => ({ rule, message: { zh: '', en: '' }, fix: { zh: '', en: '' } });
    expect(outcomeOf(report({ proved: true, status: 200 }))).toBe('proved');
    expect(outcomeOf(report({ status: null }))).toBe('never_arrived');
    for (const rule of ['refused', 'login_page', 'redirect', 'nobody_listens', 'other_program']) expect(outcomeOf(report({ status: 404, findings: [finding(rule)] })), rule).toBe('refused');
    expect(outcomeOf(report({ status: null, findings: [finding('no_query')] }))).toBe('not_asked');
  });
});
