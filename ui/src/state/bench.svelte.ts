// The bench of signatures: which tab is open, what the doctor was given and found, the playground's lines and verdict,
// the register of keys.

import type { CallbackDossier, Exchange, Finding, KeyEntry, Rehearsal, RequestView, SignedText, TextVerdict } from '../backend/bindings';
import { asNotification, pasted, rawRequest, type Pasted, type PastedKind } from '../format/pasted';
import { FIELDS, ended, parted, type Line, type Shape } from '../format/sign_lines';
import type { Desk, Hearer } from './desk.svelte';
import { Task } from './task.svelte';

export type BenchTab = 'exchanges' | 'doctor' | 'playground' | 'keys' | 'migration';

/** What came with the text when it was taken from the app itself: exact bytes and the time. */
interface Origin {
  text: string;
  bodyBase64?: string;
  at: string;
}

export class Bench implements Hearer {
  tab = $state<BenchTab>('exchanges');

  text = $state('');
  kind = $state<'auto' | PastedKind>('auto');
  ownKey = $state(true);
  pem = $state('');
  appid = $state('');
  app = $state(false);
  finding = $state.raw<Finding | null>(null);
  /** What the finding is about; its lines have these names. */
  shape = $state<Shape>('request');
  diagnosing = new Task();
  #origin = $state.raw<Origin | null>(null);

  lines = $state<Line[]>(blank('request'));
  linesShape = $state<Shape>('request');
  signature = $state('');
  key = $state('merchant');
  keyPem = $state('');
  verdict = $state.raw<TextVerdict | null>(null);
  verifying = new Task();

  /** The framework whose snippet is shown. */
  framework = $state('Express');
  #sought = $state('');

  register = $state.raw<KeyEntry[] | null>(null);
  /** The serial or id that a failed check names; its entry stands out. */
  wantedKey = $state<string | null>(null);
  registering = new Task();

  rehearsal = $state.raw<Rehearsal | null>(null);
  rehearsing = new Task();

  constructor(private readonly desk: Desk) {}

  merchantChanged(): void {
    this.register = this.finding = this.verdict = this.rehearsal = null;
    this.wantedKey = null;
    this.key = 'merchant';
    if (this.tab === 'keys') void this.readRegister();
  }

  heard(): void {
    // Keys change with merchants only.
  }

  /** What stands in the field. */
  get read(): Pasted {
    const found = pasted(this.text);
    if (this.kind === 'auto' || found.kind === this.kind) return found;
    // A kind chosen by hand: the same text, read as that.
    if (this.kind === 'pay_params' && found.kind !== 'other') return { kind: 'pay_params', params: this.text, app: this.app, appid: null };
    if (this.kind === 'notification' && (found.kind !== 'other' || found.what === 'unknown')) return asNotification(this.text);
    return found;
  }

  /** The time that is judged: only of what the app itself saw. */
  get at(): string | null {
    return this.#origin !== null && this.#origin.text === this.text ? this.#origin.at : null;
  }

  /** An error body or a Request-ID has no signature, but the call that it is about may be known here. */
  get canLookUp(): boolean {
    const read = this.read;
    return read.kind === 'other' && (read.what === 'error_body' || read.what === 'request_id');
  }

  /** It was looked for, and no call of this merchant or the sandbox is it. */
  get notFound(): boolean {
    return this.canLookUp && this.#sought !== '' && this.#sought === this.text;
  }

  /** Which key should have made the signature that the finding is about. */
  get serial(): string | null {
    const read = this.read;
    if (read.kind === 'request') return /serial_no="([^"]+)"/.exec(read.authorization)?.[1] ?? null;
    if (read.kind === 'notification') return read.headers.find(([name]) => name.toLowerCase() === 'wechatpay-serial')?.[1] ?? null;
    return null;
  }

  async #lookUp(): Promise<void> {
    const { commands, m } = this.desk;
    const said = this.text.trim();
    const found = await this.diagnosing.run(() => commands.exchangeFind(m, said));
    if (this.diagnosing.problem) return;
    if (found) return this.ofExchange(found);
    const requests = this.desk.pretend ? await this.diagnosing.run(() => commands.sandboxRequests(SANDBOX_REQUESTS)) : null;
    const request = requests?.find((it) => it.request_id === said || (it.status >= 400 && it.response_body.trim() === said));
    if (request) return this.ofSandboxRequest(request);
    this.#sought = this.text;
  }

  async diagnose(): Promise<void> {
    const { commands, m } = this.desk;
    const read = this.read;
    this.finding = null;
    if (this.canLookUp) return this.#lookUp();
    if (read.kind === 'other') return;
    const certificate = this.ownKey ? null : this.pem;
    const at = this.at;
    const finding = await this.diagnosing.run(() => {
      if (read.kind === 'request') return commands.doctorRequest(m, { method: read.method, url: read.url, authorization: read.authorization, body: read.body, certificate, at });
      if (read.kind === 'notification') return commands.doctorNotification(m, { headers: read.headers, body: read.body, body_base64: at === null ? null : (this.#origin?.bodyBase64 ?? null), certificate, at });
      return commands.doctorPayParams(m, { params: read.params, appid: this.appid || null, app: this.app || read.app, certificate });
    });
    if (!finding) return;
    this.shape = read.kind === 'request' ? 'request' : read.kind === 'notification' ? 'answer' : this.app || read.app ? 'app' : 'jsapi';
    this.finding = finding;
  }

  /** A delivery that was refused, taken to the doctor. */
  async ofCallback(callback: CallbackDossier): Promise<void> {
    const text = `${callback.headers.map(([name, value]) => `${name}: ${value}`).join('\n')}\n\n${callback.body}`;
    await this.#take({ text, bodyBase64: callback.body_base64, at: callback.received_at }, 'notification');
  }

  /** A call that the gateway refused, taken to the doctor. */
  async ofExchange(exchange: Exchange): Promise<void> {
    await this.#take({ text: rawRequest(exchange.method, exchange.base_url + exchange.target, exchange.request_headers, exchange.request_body), at: exchange.at });
  }

  /** A request that the sandbox refused, taken to the doctor. */
  async ofSandboxRequest(request: RequestView): Promise<void> {
    const base = request.via ?? '';
    await this.#take({ text: rawRequest(request.method, base + request.target, request.headers, request.request_body), at: request.at });
  }

  async #take(origin: Origin, kind: 'auto' | PastedKind = 'auto'): Promise<void> {
    this.#origin = origin;
    this.text = origin.text;
    this.kind = kind;
    this.ownKey = true;
    this.show('doctor');
    await this.diagnose();
  }

  show(tab: BenchTab): void {
    this.tab = tab;
    this.desk.go('signatures');
    if (tab === 'keys') void this.readRegister();
    if (tab === 'playground') void this.verify();
  }

  /** The doctor's text, to be changed line by line. */
  play(): void {
    if (!this.finding) return;
    const read = this.read;
    this.lines = parted(this.finding.sign_string, FIELDS[this.shape]);
    this.linesShape = this.shape;
    this.signature = read.kind === 'request' ? (/signature="([^"]*)"/.exec(read.authorization)?.[1] ?? '') : read.kind === 'notification' ? (read.headers.find(([name]) => name.toLowerCase() === 'wechatpay-signature')?.[1] ?? '') : read.kind === 'pay_params' ? (/"(?:paySign|sign)"\s*:\s*"([^"]*)"/.exec(read.params)?.[1] ?? '') : '';
    const serial = read.kind === 'notification' ? read.headers.find(([name]) => name.toLowerCase() === 'wechatpay-serial')?.[1] : undefined;
    this.key = this.ownKey ? (serial ?? 'merchant') : 'pasted';
    if (!this.ownKey) this.keyPem = this.pem;
    this.show('playground');
  }

  /** A signed text of an exchange or a delivery, to be changed line by line. */
  playSigned(signed: SignedText): void {
    const shape = (Object.keys(FIELDS) as Shape[]).find((shape) => FIELDS[shape].join() === signed.lines.map((line) => line.field).join()) ?? (signed.lines.length === 3 ? 'answer' : 'request');
    this.lines = parted(signed.text, FIELDS[shape]);
    this.linesShape = shape;
    this.signature = signed.signature;
    this.key = signed.signer === 'merchant' ? 'merchant' : signed.serial_no;
    this.show('playground');
  }

  /** The entry of the key that this serial or id names; where none is, the register says what to do. */
  showKey(serial: string): void {
    this.wantedKey = serial;
    this.show('keys');
  }

  async rehearse(): Promise<void> {
    const played = await this.rehearsing.run(() => this.desk.commands.merchantRehearse(this.desk.m));
    if (played) this.rehearsal = played;
  }

  reshape(shape: Shape): void {
    const before = this.lines;
    this.linesShape = shape;
    this.lines = blank(shape).map((line) => before.find((it) => it.field === line.field) ?? line);
    void this.verify();
  }

  /** The verdict over what stands in the playground now. */
  async verify(): Promise<void> {
    const pem = this.key === 'pasted' ? this.keyPem : null;
    if (pem !== null && pem.trim() === '') {
      this.verdict = null;
      return;
    }
    const input = { text: ended(this.lines), signature: this.signature, key: this.key === 'pasted' ? null : this.key, pem };
    const verdict = await this.verifying.run(() => this.desk.commands.verifyText(this.desk.m, input));
    if (verdict) this.verdict = verdict;
    else if (this.verifying.problem) this.verdict = null;
  }

  async readRegister(): Promise<void> {
    if (this.desk.m === null) return;
    const register = await this.registering.run(() => this.desk.commands.keyRegister(this.desk.m));
    if (register) this.register = register;
  }
}

/** As many as the sandbox keeps. */
const SANDBOX_REQUESTS = 500;

const blank = (shape: Shape): Line[] => FIELDS[shape].map((field) => ({ field, text: '', end: 'lf' }));
