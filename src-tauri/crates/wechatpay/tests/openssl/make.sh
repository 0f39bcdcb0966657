#!/bin/bash
# Makes this project's own known answers with OpenSSL, over the fixture keys of the repository.
set -euo pipefail
cd "$(dirname "$0")"
keys=../../../../../tests/keys
sign() { openssl dgst -sha256 -sign "$keys/$1" | base64 -w0; } # key; the text on stdin
entry() { printf '{"name":"%s","key":"%s","text":%s,"signature":"%s"}' "$1" "$2" "$(python3 -c 'import json,sys;print(json.dumps(sys.stdin.read()))' < text.tmp)" "$(sign "$2" < text.tmp)"; }
{
  printf '[\n'
  printf 'GET\n/v3/certificates\n1554208460\n593BEC0C930BF1AFEB40B4A08C8FB242\n\n' > text.tmp; entry request_without_body merchant_key.pem; printf ',\n'
  printf 'POST\n/v3/pay/transactions/jsapi\n1764000000\nabcdefghijklmnopqrstuvwxyz012345\n{"description":"奶茶 \\/ \\"大杯\\"","amount":{"total":1250}}\n' > text.tmp; entry request_with_chinese merchant_key_pkcs1.pem; printf ',\n'
  printf 'wx2421b1c4370ec43b\n1764000000\nabcdefghijklmnopqrstuvwxyz012345\nprepay_id=wx201410272009395522657a690389285100\n' > text.tmp; entry pay_params merchant_key.pem; printf ',\n'
  printf '1764000000\nabcdefghijklmnopqrstuvwxyz012345\n\n' > text.tmp; entry answer_204 platform_key.pem; printf ',\n'
  printf '1764000000\nabcdefghijklmnopqrstuvwxyz012345\n{"code_url":"weixin://wxpay/bizpayurl?pr=JyC91EIz1"}\n' > text.tmp; entry answer_public_key pub_key_private.pem
  printf '\n]\n'
} > signatures.json
# Sealed texts: AES-256-GCM (the OpenSSL inside Node.js, since the command has no GCM) and OAEP with either hash.
oaep() { printf '张三' | openssl pkeyutl -encrypt -pubin -inkey "$keys/pub_key.pem" -pkeyopt rsa_padding_mode:oaep -pkeyopt "rsa_oaep_md:$1" -pkeyopt "rsa_mgf1_md:$1" | base64 -w0; }
gcm() { node -e '
  const [key, nonce, aad, text] = process.argv.slice(1);
  const c = require("crypto").createCipheriv("aes-256-gcm", key, nonce);
  c.setAAD(Buffer.from(aad));
  process.stdout.write(Buffer.concat([c.update(text, "utf8"), c.final(), c.getAuthTag()]).toString("base64"));' "$@"; }
key=$(cat "$keys/apiv3.key")
printf '{\n"gcm_transaction":"%s",\n"gcm_without_aad":"%s",\n"oaep_sha1":"%s",\n"oaep_sha256":"%s"\n}\n' \
  "$(gcm "$key" abcdefghijkl transaction '{"summary":"支付成功"}')" "$(gcm "$key" 0123456789ab '' 'x')" "$(oaep sha1)" "$(oaep sha256)" > sealed.json
rm -f text.tmp
