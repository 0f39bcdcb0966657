// The way in from the internet: what is to be opened, how it stands, and what is wrong with a notify_url. Followed from
// the window's opening to its end, because the frame shows it.

import type { NotifyUrlReport, TunnelOptions, TunnelPreset, TunnelState } from '../backend/bindings';
import type { Desk } from './desk.svelte';
import { Task } from './task.svelte';

const KEY = 'tunnel';

export const PRESETS: TunnelPreset[] = ['cloudflared', 'ngrok', 'frpc', 'ssh', 'custom'];

/** What a proof came to: here, nowhere, somewhere that refused, or not even asked. */
export type Outcome = 'proved' | 'never_arrived' | 'refused' | 'not_asked';

export function outcomeOf(report: NotifyUrlReport): Outcome {
  if (report.proved) return 'proved';
  if (report.status !== null) return 'refused';
  return report.findings.some((finding) => finding.rule === 'never_arrived') ? 'never_arrived' : 'not_asked';
}

/** Fields that are kept for the next time; a command or a certificate is not. */
interface Kept {
  preset?: TunnelPreset;
  sshTo?: string;
  remotePort?: string;
  config?: string;
  publicUrl?: string;
}

export class Tunnels {
  state = $state.raw<TunnelState | null>(null);
  preset = $state<TunnelPreset>('cloudflared');
  sshTo = $state('');
  remotePort = $state('');
  config = $state('');
  command = $state('');
  publicUrl = $state('');
  arguments = $state('');
  ca = $state('');
  keep = $state(false);
  /** What was found when a person asked, rather than the tunnel. */
  asked = $state.raw<NotifyUrlReport | null>(null);
  starting = new Task();
  stopping = new Task();
  checking = new Task();

  #followed = false;

  constructor(private readonly desk: Desk) {
    const kept = desk.view.filter<Kept>(KEY, {});
    if (kept.preset && PRESETS.includes(kept.preset)) this.preset = kept.preset;
    this.sshTo = kept.sshTo ?? '';
    this.remotePort = kept.remotePort ?? '';
    this.config = kept.config ?? '';
    this.publicUrl = kept.publicUrl ?? '';
  }

  /** Follows the tunnel until the answer is called; the program answers when something changed. */
  follow(): () => void {
    this.#followed = true;
    void this.#follow();
    return () => (this.#followed = false);
  }

  /** There is one, whether it carries or not. */
  get open(): boolean {
    return (this.state?.condition ?? 'off') !== 'off';
  }

  /** The newest proof: the tunnel's own, or the one that was asked for. */
  get report(): NotifyUrlReport | null {
    return this.open ? (this.state?.report ?? null) : this.asked;
  }

  /** Is a field of this preset used? */
  uses(field: 'sshTo' | 'remotePort' | 'config' | 'command' | 'publicUrl'): boolean {
    const { preset } = this;
    if (field === 'publicUrl') return preset === 'frpc' || preset === 'ssh' || preset === 'custom';
    return { sshTo: 'ssh', remotePort: 'ssh', config: 'frpc', command: 'custom' }[field] === preset;
  }

  /** What is typed, as the program takes it; the listener's port is the program's to know. */
  options(): TunnelOptions {
    const text = (field: Parameters<Tunnels['uses']>[0], typed: string) => (this.uses(field) && typed.trim() !== '' ? typed.trim() : null);
    return {
      preset: this.preset,
      port: 0,
      public_url: text('publicUrl', this.publicUrl),
      ssh_to: text('sshTo', this.sshTo),
      remote_port: Number(text('remotePort', this.remotePort) ?? 0),
      config: text('config', this.config),
      command: text('command', this.command),
      arguments: this.arguments
        .split('\n')
        .map((line) => line.trim())
        .filter((line) => line !== ''),
      ca_certificate: this.ca.trim() || null,
      keep_notify_url: this.keep,
    };
  }

  /** The port at the server can be none. */
  get portWrong(): boolean {
    return this.uses('remotePort') && !/^\d{0,5}$/.test(this.remotePort.trim()) ? true : Number(this.remotePort) > 65_535;
  }

  async start(): Promise<void> {
    if (this.portWrong) return;
    const { preset, sshTo, remotePort, config, publicUrl } = this;
    this.desk.view.keepFilter(KEY, { preset, sshTo, remotePort, config, publicUrl });
    this.asked = null;
    this.checking.clear();
    await this.starting.run(() => this.desk.commands.tunnelStart(this.desk.m, this.options()));
  }

  async stop(): Promise<void> {
    this.starting.clear();
    await this.stopping.run(() => this.desk.commands.tunnelStop());
  }

  /** Proves the merchant's notify_url as it is now. */
  async check(): Promise<void> {
    const report = await this.checking.run(() => this.desk.commands.notifyUrlCheck(this.desk.m));
    if (report) this.asked = report;
  }

  async #follow(): Promise<void> {
    while (this.#followed) {
      try {
        const state = await this.desk.commands.tunnelState(this.state?.revision ?? null);
        if (this.#followed) this.state = state;
      } catch {
        // The window is on its way out, or its plumbing is broken, which everything else says already.
        return;
      }
    }
  }
}
