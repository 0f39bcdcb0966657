// The fake desk's doctor, playground, register and examination: shaped as the program's, with made-up findings.

import type { CertifyCase, CertifyState, Finding, KeyEntry, RehearsedStep, TextVerdict } from './bindings';
import type { Commands } from './call';
import { MCHID, PLATFORM_SERIAL, SERIAL } from './fake_data';

type LabCommands = Pick<Commands, 'doctorRequest' | 'doctorNotification' | 'doctorPayParams' | 'keyRegister' | 'merchantRehearse' | 'exchangeFind' | 'verifyText' | 'certifyStart' | 'certifyStop' | 'certifyState' | 'certifyPast' | 'certifySave'>;

const FINGERPRINT = '5A:1F:09:C3:77:E0:42:9B:D8:61:3E:AF:10:2C:94:7D:55:B8:E6:03:F1:8A:29:C0:6D:74:1B:EE:98:42:A7:30';

const entry = (more: Partial<KeyEntry> & Pick<KeyEntry, 'kind' | 'owner'>): KeyEntry => ({ serial_no: null, not_before: null, not_after: null, expired: false, fingerprint: FINGERPRINT, belongs: null, note: null, file: null, exposed: null, public_pem: null, ...more });

const finding = (text: string): Finding => ({
  valid: false,
  cause: 'body_line_missing',
  also: [],
  combined: false,
  proved: true,
  explanation: { zh: '只签了前几行：缺少请求体这一行。', en: 'Only the first lines were signed: the line of the body is missing.' },
  fix: { zh: '没有请求体时第五行为空行，但仍要有 \\n。', en: 'Without a body the fifth line is empty, with its \\n.' },
  sign_string: text,
  sha256: '5a1f09c377e0429bd8613eaf102c947d55b8e603f18a29c06d741bee9842a730',
  tried: 214,
  snippets: [],
});

const MIXED: RehearsedStep = {
  step: 'mixed',
  what: { zh: '微信支付把一部分回调改用公钥签名。', en: 'WeChat Pay signs a share of the notifications with the public key.' },
  before: { zh: '所有回调服务都要先认识公钥。', en: 'Every service that takes notifications has to know the public key first.' },
  back: { zh: '在商户平台暂停切换。', en: 'Pause the change on the merchant platform.' },
  setups: [
    { setup: 'certificates', yours: false, ok: false, checks: [{ name: 'notification', ok: false, signed_by: 'wechatpay_public_key', why: { zh: '服务器不认识这个公钥 ID。', en: "The server doesn't know this id." } }] },
    { setup: 'both', yours: true, ok: true, checks: [{ name: 'notification', ok: true, signed_by: 'wechatpay_public_key', why: null }] },
  ],
};

const CASES = ['genuine_accepted', 'forged_signature_refused', 'duplicate_accepted', 'amount_mismatch_held'];

const caseOf = (name: string, i: number): CertifyCase => ({
  name,
  result: i === 1 ? 'fail' : 'pass',
  expected: '200 or 204',
  status: i === 1 ? 200 : 204,
  latency_ms: 12 + i,
  body: '',
  why: { zh: '伪造的通知被当真，货就会白送。', en: 'A forged notification that is believed gives goods away.' },
  fix: i === 1 ? { zh: '先验签，再解密。', en: 'Verify first, then decrypt.' } : { zh: '', en: '' },
  sent: 'POST /notify HTTP/1.1',
});

export function labCommands(): LabCommands {
  let state: CertifyState = { revision: 0, running: false, finished: false, url: null, total: CASES.length, cases: [], outgoing: [], compared: null, problem: null };
  let waiting: (() => void)[] = [];
  const change = (more: Partial<CertifyState>) => {
    state = { ...state, ...more, revision: state.revision + 1 };
    for (const tell of waiting.splice(0)) tell();
  };
  return {
    doctorRequest: async (_m, input) => finding(`${input.method}\n${input.url}\n1554208460\n593B\n${input.body ?? ''}\n`),
    doctorNotification: async (_m, input) => ({ ...finding(`1554208460\n593B\n${input.body ?? ''}\n`), cause: 'header_missing', proved: false }),
    doctorPayParams: async () => ({ ...finding('wx1\n1\nn\nprepay_id=wx2\n'), cause: 'package_prefix_missing' }),
    keyRegister: async (m) => [
      entry({ kind: 'merchant_key', owner: m ?? 'sandbox', serial_no: SERIAL, belongs: true }),
      entry({ kind: 'merchant_certificate', owner: m ?? MCHID, serial_no: SERIAL, belongs: true, not_before: '2026-01-10T08:00:00+08:00', not_after: '2031-01-09T08:00:00+08:00' }),
      entry({ kind: 'platform_certificate', owner: 'Tenpay.com Root CA', serial_no: PLATFORM_SERIAL, not_before: '2026-01-10T08:00:00+08:00', not_after: '2031-01-09T08:00:00+08:00' }),
      entry({ kind: 'vault_key', owner: 'vault.key', fingerprint: null, file: '~/.local/share/guitai/vault.key', exposed: false }),
    ],
    merchantRehearse: async (m) => ({ merchant: m ?? 'sandbox', yours: 'both', ok: true, steps: [MIXED] }),
    exchangeFind: async () => null,
    verifyText: async (_m, input): Promise<TextVerdict> => {
      const text = new TextEncoder().encode(input.text);
      return { ok: input.signature === '' ? null : input.text.endsWith('\n'), why: input.signature === '' ? { zh: '还没有签名值。', en: 'There is no signature yet.' } : null, sha256: String(text.length).padStart(64, '0'), bytes: text.length, fingerprint: FINGERPRINT };
    },
    certifyStart: async (input) => {
      change({ running: true, finished: false, url: input.url, cases: [], outgoing: [], compared: null, problem: null });
      CASES.forEach((name, i) =>
        setTimeout(() => {
          if (!state.running) return;
          const last = i === CASES.length - 1;
          change({ cases: [...state.cases, caseOf(name, i)], running: !last, finished: last, ...(last ? { outgoing: [caseOf('answers_verified', 0)], compared: { since: '2026-11-23T20:00:00+08:00', better: ['genuine_accepted', 'duplicate_accepted'], worse: [] } } : {}) });
        }, 20 * (i + 1)),
      );
      return null;
    },
    certifyPast: async () => [{ at: '2026-11-24 10:15:00', url: 'http://127.0.0.1:8080/notify', passed: 24, failed: 2, warned: 1, skipped: 3 }],
    certifyStop: async () => {
      change({ running: false });
      return null;
    },
    certifyState: async (seen) => {
      if (seen === state.revision) await new Promise<void>((resolve) => (waiting = [...waiting, resolve]));
      return state;
    },
    certifySave: async (kind) => `~/.local/share/guitai/reports/certify-20261124-201314.${kind}`,
  };
}
