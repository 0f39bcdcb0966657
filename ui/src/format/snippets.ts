// How a program in each language is sent to the sandbox without changing a line of it. The commands are data, so that the
// same ones are written out as programs in tests/snippets.

import { quoted } from './openssl';
import commands from './snippets.json';

export type Language = 'curl' | 'Node.js' | 'Node.js + global-agent' | 'Node.js, base URL' | 'Python' | 'Go' | 'PHP' | 'Java';
export const LANGUAGES = commands.map((each) => each.language as Language);

export function snippet(language: Language, base: string, proxy: string, ca: string): string {
  const [host = '127.0.0.1', port = ''] = proxy.replace(/^https?:\/\//, '').split(':');
  const known = commands.find((each) => each.language === language);
  const parts: Record<string, string> = { base, proxy, host, port, ca: quoted(ca), program: known?.program ?? '' };
  return known?.command.replace(/\{(\w+)\}/g, (whole, name: string) => parts[name] ?? whole) ?? '';
}
