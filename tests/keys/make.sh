#!/bin/bash
# Makes the fixture keys anew with OpenSSL. They guard nothing: tests use them so that no test has to make an RSA key.
set -euo pipefail
cd "$(dirname "$0")"
rm -f ./*.pem ./*.p12 ./apiv3.key

serial() { printf '0x%s' "$(printf '%s' "$1" | sha256sum | cut -c1-39 | tr a-f A-F | sed 's/^/5/')"; }
certificate() { # name, subject, days
  openssl req -x509 -new -key "$1_key.pem" -subj "$2" -days "$3" -sha256 -set_serial "$(serial "$1")" -out "$1_cert.pem"
}
rsa() { openssl genpkey -quiet -algorithm RSA -pkeyopt "rsa_keygen_bits:${2:-2048}" -out "$1"; }

for name in merchant other platform platform2; do rsa "${name}_key.pem"; done
rsa pub_key_private.pem
openssl pkey -in pub_key_private.pem -pubout -out pub_key.pem
openssl pkey -in merchant_key.pem -traditional -out merchant_key_pkcs1.pem
certificate merchant "/C=CN/O=Tenpay.com/OU=Merchant/CN=1900000001" 7300
certificate platform "/C=CN/O=Tenpay.com/OU=Tenpay.com CA Center/CN=Tenpay.com sign" 7300
certificate platform2 "/C=CN/O=Tenpay.com/OU=Tenpay.com CA Center/CN=Tenpay.com sign" 7300
openssl pkcs12 -export -inkey merchant_key.pem -in merchant_cert.pem -passout pass:1900000001 -out merchant.p12
# As OpenSSL before 3 wrote them (RC2-40 and 3DES): the merchant platform's own are of that age.
openssl pkcs12 -export -legacy -inkey merchant_key.pem -in merchant_cert.pem -passout pass:1900000001 -out merchant_legacy.p12
openssl pkey -in merchant_key.pem -aes256 -passout pass:secret -out merchant_key_encrypted.pem
rsa small_key.pem 1024
openssl genpkey -quiet -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out ec_key.pem
printf '0123456789abcdefGHIJKLMNOPQRSTUV' > apiv3.key
