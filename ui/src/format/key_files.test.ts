import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { describe, expect, test } from 'vitest';
import { keyFile, placed } from './key_files';

const fixture = (name: string) => new Uint8Array(readFileSync(resolve('../tests/keys', name)));
const text = (content: string) => new TextEncoder().encode(content);

describe('a key file is known by its content', () => {
  test.each([
    ['merchant_key.pem', 'apiclient_key.pem', 'private_key'],
    ['merchant_key_pkcs1.pem', 'key.txt', 'private_key'],
    ['merchant_key_encrypted.pem', 'apiclient_key.pem', 'encrypted_key'],
    ['merchant_cert.pem', 'apiclient_cert.pem', 'certificate'],
    ['platform_cert.pem', 'wechatpay_5157F0.pem', 'platform_certificate'],
    ['pub_key.pem', 'pub_key.pem', 'public_key'],
    ['merchant.p12', 'apiclient_cert.p12', 'pkcs12'],
    ['apiv3.key', 'apiv3.key', 'api_v3_key'],
  ])('%s', (file, name, kind) => expect(keyFile(name, fixture(file)).kind).toBe(kind));

  test.each(['', 'hello', '\u0000\u0001', '{"mchid":1}'])('%j is nothing known', (content) => expect(keyFile('x', text(content)).kind).toBe('unknown'));

  test('a .p12 goes over as base64', () => {
    expect(Buffer.from(keyFile('a.p12', fixture('merchant.p12')).content, 'base64')).toEqual(Buffer.from(fixture('merchant.p12')));
  });

  test('the last of a kind counts, platform certificates add up', () => {
    const files = [
      keyFile('apiclient_key.pem', fixture('merchant_key.pem')),
      keyFile('apiclient_key.pem', fixture('other_key.pem')),
      keyFile('wechatpay_1.pem', fixture('platform_cert.pem')),
      keyFile('wechatpay_2.pem', fixture('platform2_cert.pem')),
    ];
    const now = placed(files);
    expect(now.private_key).toBe(new TextDecoder().decode(fixture('other_key.pem')).trim());
    expect(now.platform_certificates).toHaveLength(2);
    expect(now.certificate).toBeNull();
  });
});
