// How a program in each language is sent to the sandbox without changing a line of it.

import { quoted } from './openssl';

export const LANGUAGES = ['curl', 'Node.js', 'Python', 'Go', 'PHP', 'Java'] as const;
export type Language = (typeof LANGUAGES)[number];

export function snippet(language: Language, proxy: string, ca: string): string {
  const file = quoted(ca);
  const [host = '127.0.0.1', port = ''] = proxy.replace(/^https?:\/\//, '').split(':');
  switch (language) {
    case 'curl':
      return `curl --proxy ${proxy} --cacert ${file} https://api.mch.weixin.qq.com/v3/certificates`;
    case 'Node.js':
      return `HTTPS_PROXY=${proxy} NODE_USE_ENV_PROXY=1 \\\nNODE_EXTRA_CA_CERTS=${file} node app.js`;
    case 'Python':
      return `HTTPS_PROXY=${proxy} \\\nREQUESTS_CA_BUNDLE=${file} SSL_CERT_FILE=${file} python app.py`;
    case 'Go':
      return `HTTPS_PROXY=${proxy} \\\nSSL_CERT_FILE=${file} go run .`;
    case 'PHP':
      return `HTTPS_PROXY=${proxy} \\\nphp -d curl.cainfo=${file} -d openssl.cafile=${file} app.php`;
    case 'Java':
      return `keytool -importcert -noprompt -alias guitai -file ${file} -keystore guitai.p12 -storepass changeit\njava -Dhttps.proxyHost=${host} -Dhttps.proxyPort=${port} \\\n  -Djavax.net.ssl.trustStore=guitai.p12 -Djavax.net.ssl.trustStorePassword=changeit -jar app.jar`;
  }
}
