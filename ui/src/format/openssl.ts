// The OpenSSL command that gives the same signature, or the same verdict, as the one that is shown.

import type { SignedText } from '../backend/bindings';

/** One word for a POSIX shell, whatever is in it. */
export function quoted(text: string): string {
  return /^[\w@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`;
}

/** `printf` writes each line with its LF; OpenSSL signs it, or verifies the signature over it. */
export function opensslCommand(signed: SignedText, what: 'made' | 'checked'): string {
  const text = `printf '%s\\n' ${signed.lines.map((line) => quoted(line.text)).join(' ')}`;
  if (what === 'made') return `${text} \\\n  | openssl dgst -sha256 -sign apiclient_key.pem | openssl base64 -A`;
  const key = signed.signer === 'wechatpay_public_key' ? 'cp pub_key.pem key.pem' : `openssl x509 -in wechatpay_${signed.serial_no}.pem -pubkey -noout > key.pem`;
  return `${key}\nprintf '%s' ${quoted(signed.signature)} | openssl base64 -d -A > signature.bin\n${text} \\\n  | openssl dgst -sha256 -verify key.pem -signature signature.bin`;
}
