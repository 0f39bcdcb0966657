// The payer's phone: it takes the pay params of the open order or scans its QR code, and pays, cancels or fails.

import type { PayOutcome, PhoneOrder, Problem, Value } from '../backend/bindings';
import { problemOf } from '../backend/call';
import type { Desk } from './desk.svelte';

export type PhoneStage = 'checking' | 'ready' | 'refused' | 'paying' | 'done' | 'nothing' | 'over';

/** States in which the phone can pay. */
const PAYABLE = ['NOTPAY', 'USERPAYING', 'PAYERROR'];

export class Phone {
  /** The number of the order it stands beside; null: it is put away. */
  beside = $state<string | null>(null);
  stage = $state<PhoneStage>('checking');
  order = $state.raw<PhoneOrder | null>(null);
  /** What it was handed. */
  params = $state.raw<Value | null>(null);
  problem = $state.raw<Problem | null>(null);
  outcome = $state<PayOutcome | null>(null);

  #turn = 0;

  constructor(private readonly desk: Desk) {}

  get open(): boolean {
    return this.beside !== null;
  }

  /** Hands it the pay params (JSAPI, App), or lets it scan (Native). */
  async take(outTradeNo: string): Promise<void> {
    const turn = ++this.#turn;
    this.beside = outTradeNo;
    this.order = this.params = this.problem = this.outcome = null;
    this.stage = 'checking';
    try {
      const order = await this.#look(outTradeNo);
      if (turn !== this.#turn) return;
      this.order = order;
      this.stage = order === null ? 'nothing' : PAYABLE.includes(order.state) ? 'ready' : 'over';
    } catch (thrown) {
      if (turn !== this.#turn) return;
      this.problem = problemOf(thrown);
      this.stage = 'refused';
    }
  }

  async pay(outcome: PayOutcome): Promise<void> {
    const no = this.beside;
    if (no === null || this.stage !== 'ready') return;
    const turn = ++this.#turn;
    this.stage = 'paying';
    try {
      await this.desk.commands.phonePay(no, outcome);
      if (turn !== this.#turn) return;
      this.outcome = outcome;
      this.stage = 'done';
    } catch (thrown) {
      if (turn !== this.#turn) return;
      this.problem = problemOf(thrown);
      this.stage = 'refused';
    }
  }

  /** Another order was opened: the phone takes that one, if it is out. */
  follow(outTradeNo: string): void {
    if (this.beside !== null && this.beside !== outTradeNo) this.close();
  }

  close(): void {
    this.#turn++;
    this.beside = null;
  }

  async #look(no: string): Promise<PhoneOrder | null> {
    const { commands, m } = this.desk;
    const order = await commands.orderShow(m, no);
    if (order.via === 'jsapi' && order.prepay_id) {
      const params = await commands.payParams(m, no);
      // The page that calls wx.requestPayment belongs to the appid; the phone needs it to check the signature.
      this.params = params !== null && typeof params === 'object' && !Array.isArray(params) ? { appId: order.appid, ...params } : params;
      return commands.phoneScan({ pay_params: this.params, prepay_id: null, code_url: null });
    }
    if (order.code_url) return commands.phoneScan({ pay_params: null, prepay_id: null, code_url: order.code_url });
    if (order.prepay_id) return commands.phoneScan({ pay_params: null, prepay_id: order.prepay_id, code_url: null });
    return null;
  }
}
