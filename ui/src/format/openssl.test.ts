import { execFileSync } from 'node:child_process';
import { createSign } from 'node:crypto';
import { copyFileSync, mkdtempSync, readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { describe, expect, test } from 'vitest';
import type { SignedText } from '../backend/bindings';
import { opensslCommand, quoted } from './openssl';

const LINES = ['POST', '/v3/pay/transactions/jsapi?a=b&c=%20', '1554208460', '593BEC0C930BF1AFEB40B4A08C8FB242', '{"description":"It\'s 热美式 $HOME `id` \\n %s","total":1}'];

function text(signature: string): SignedText {
  const lines = LINES.map((line, i) => ({ field: String(i), text: line }));
  return { lines, text: LINES.map((line) => `${line}\n`).join(''), bytes: 0, sha256: '', signature, serial_no: 'ABC', signer: 'wechatpay_public_key', ok: null };
}

describe('the OpenSSL command', () => {
  test('words are quoted for a shell', () => {
    expect(quoted('')).toBe("''");
    expect(quoted('POST')).toBe('POST');
    expect(quoted("it's")).toBe("'it'\\''s'");
  });

  test('signs and verifies the very bytes', () => {
    const folder = mkdtempSync(join(tmpdir(), 'guitai-openssl-'));
    const keys = resolve('../tests/keys');
    copyFileSync(join(keys, 'pub_key_private.pem'), join(folder, 'apiclient_key.pem'));
    copyFileSync(join(keys, 'pub_key.pem'), join(folder, 'pub_key.pem'));
    const run = (command: string) => execFileSync('sh', ['-c', command], { cwd: folder, encoding: 'utf8' });
    const signature = createSign('RSA-SHA256').update(text('').text).sign(readFileSync(join(folder, 'apiclient_key.pem')), 'base64');
    expect(run(opensslCommand(text(''), 'made'))).toBe(signature);
    expect(run(opensslCommand(text(signature), 'checked'))).toContain('Verified OK');
  });
});
