// What a dropped or pasted key file is, by its content: the program judges it, this only puts it in its place.

export type FileKind = 'private_key' | 'pkcs12' | 'certificate' | 'platform_certificate' | 'public_key' | 'api_v3_key' | 'encrypted_key' | 'unknown';

export interface KeyFile {
  name: string;
  kind: FileKind;
  /** PEM text, the key's text, or base64 of a .p12. */
  content: string;
  /** The file as it is. */
  base64: string;
}

/** No key file is larger, bytes. */
export const MOST_BYTES = 64 * 1024;

/** One file of a merchant. The name decides only between merchant's and platform's certificate. */
export function keyFile(name: string, bytes: Uint8Array): KeyFile {
  const text = new TextDecoder('utf-8').decode(bytes).replace(/^\ufeff/, '').trim();
  const base64 = btoa(latin1(bytes));
  const is = (kind: FileKind, content = text): KeyFile => ({ name, kind, content, base64 });
  if (/-----BEGIN ENCRYPTED PRIVATE KEY-----|Proc-Type: 4,ENCRYPTED/.test(text)) return is('encrypted_key', '');
  if (/-----BEGIN (RSA )?PRIVATE KEY-----/.test(text)) return is('private_key');
  if (text.includes('-----BEGIN CERTIFICATE-----')) return is(/wechatpay|platform|平台/i.test(name) ? 'platform_certificate' : 'certificate');
  if (text.includes('-----BEGIN PUBLIC KEY-----')) return is('public_key');
  // A PKCS #12 file is a DER SEQUENCE that starts with INTEGER 3.
  if (bytes[0] === 0x30 && (/\.(p12|pfx)$/i.test(name) || /\x02\x01\x03/.test(latin1(bytes.subarray(0, 12))))) return is('pkcs12', base64);
  if (/^[\x21-\x7e]{32}$/.test(text)) return is('api_v3_key');
  return is('unknown', '');
}

function latin1(bytes: Uint8Array): string {
  let out = '';
  for (const byte of bytes) out += String.fromCharCode(byte);
  return out;
}

/** What an import has so far; a later file of a kind takes the place of an earlier one, platform certificates add up. */
export function placed(files: KeyFile[]) {
  const last = (...kinds: FileKind[]) => files.filter((file) => kinds.includes(file.kind)).at(-1)?.content ?? null;
  return {
    private_key: last('private_key', 'pkcs12'),
    certificate: last('certificate'),
    public_key: last('public_key'),
    api_v3_key: last('api_v3_key'),
    platform_certificates: files.filter((file) => file.kind === 'platform_certificate').map((file) => file.content),
  };
}
