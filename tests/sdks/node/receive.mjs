// A merchant's callback handler on wechatpay-axios-plugin alone: prints its port, then what it made of each request.
import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { strict as assert } from 'node:assert';
import axiosPlugin from 'wechatpay-axios-plugin';

const { Aes, Formatter, Rsa } = axiosPlugin;
const sandbox = JSON.parse(readFileSync(process.env.GUITAI_SANDBOX, 'utf8'));
const certs = {
  [sandbox.platform_serial_no]: readFileSync(sandbox.platform_certificate),
  [sandbox.public_key_id]: readFileSync(sandbox.public_key),
};
const say = (line) => console.log(JSON.stringify(line));

const server = createServer((request, response) => {
  const chunks = [];
  request.on('data', (chunk) => chunks.push(chunk));
  request.on('end', () => {
    try {
      const body = Buffer.concat(chunks).toString('utf8');
      const at = request.headers['wechatpay-timestamp'];
      const key = certs[request.headers['wechatpay-serial']];
      assert.ok(key, 'unknown serial');
      assert.ok(Math.abs(Formatter.timestamp() - at) <= 300, 'stale');
      const text = Formatter.response(at, request.headers['wechatpay-nonce'], body);
      assert.ok(Rsa.verify(text, request.headers['wechatpay-signature'], Rsa.from(key, Rsa.KEY_TYPE_PUBLIC)), 'signature');
      const { resource } = JSON.parse(body);
      const content = JSON.parse(Aes.AesGcm.decrypt(resource.ciphertext, sandbox.api_v3_key, resource.nonce, resource.associated_data));
      response.writeHead(204).end();
      say({ content });
    } catch ({ message }) {
      response.writeHead(401, { 'Content-Type': 'application/json' }).end(JSON.stringify({ code: 'FAIL', message }));
      say({ refused: message });
    }
  });
});
server.listen(0, '127.0.0.1', () => say({ port: server.address().port }));
