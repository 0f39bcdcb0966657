// What the flows of both SDKs share and no SDK has: the sandbox's line and controls, a place for callbacks, the login.
import { strict as assert } from 'node:assert';
import { once, EventEmitter } from 'node:events';
import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { get } from 'node:https';

export const sandbox = JSON.parse(readFileSync(process.env.GUITAI_SANDBOX, 'utf8'));
export const publicKeyMode = process.env.GUITAI_MODE === 'public_key';

export const step = (name, extra = {}) => console.log(JSON.stringify({ step: name, ...extra }));
export const number = (kind) => `${kind}${Date.now()}${Math.floor(Math.random() * 1e6)}`;

// fetch knows nothing of a proxy here, so the controls are asked on loopback whatever the SDK is sent through.
export const control = async (path, body) => {
  const answer = await fetch(`${sandbox.base_url}/_sandbox/${path}`, {
    method: 'POST', headers: { 'Content-Type': 'application/json' }, body: JSON.stringify(body),
  });
  const text = await answer.text();
  assert.equal(answer.ok, true, `${path}: ${answer.status} ${text}`);
  return text ? JSON.parse(text) : null;
};

// By the base URL, or with none from WeChat's own host, as a program does that knows of no sandbox.
export const login = async (user, base) => {
  const query = `/sns/jscode2session?appid=${sandbox.appid}&secret=${sandbox.appsecret}&js_code=sandbox-${user}&grant_type=authorization_code`;
  const text = base ? await (await fetch(base + query)).text() : await new Promise((done, failed) => {
    get(`https://api.weixin.qq.com${query}`, async (answer) => {
      let body = '';
      for await (const part of answer) body += part;
      done(body);
    }).on('error', failed);
  });
  const { openid } = JSON.parse(text);
  assert.match(openid, /^o/, text);
  step('login', { openid });
  return openid;
};

// A callback handler; `open` verifies and decrypts with an SDK: headers and the body as it came in, `{event_type, content}` out.
export const callbacks = async (open) => {
  const notified = new EventEmitter();
  const backlog = [];
  const server = createServer((request, response) => {
    const chunks = [];
    request.on('data', (chunk) => chunks.push(chunk));
    request.on('end', async () => {
      try {
        backlog.push(await open(request.headers, Buffer.concat(chunks).toString('utf8')));
        response.writeHead(204).end();
        notified.emit('notification');
      } catch (error) {
        response.writeHead(401, { 'Content-Type': 'application/json' }).end(JSON.stringify({ code: 'FAIL', message: error.message }));
        notified.emit('error', error);
      }
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    url: `http://127.0.0.1:${server.address().port}/notify`,
    next: async () => {
      if (backlog.length === 0) await once(notified, 'notification', { signal: AbortSignal.timeout(20_000) });
      return backlog.shift();
    },
    close: () => server.close(),
  };
};
