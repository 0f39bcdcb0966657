<?php
$serial = '';
$request = curl_init('https://api.mch.weixin.qq.com/v3/certificates');
curl_setopt_array($request, [
    CURLOPT_RETURNTRANSFER => true,
    CURLOPT_USERAGENT => 'shop/1',
    CURLOPT_HTTPHEADER => ['Accept: application/json', 'Authorization: ' . getenv('AUTHORIZATION')],
    CURLOPT_HEADERFUNCTION => function ($_, string $line) use (&$serial): int {
        if (stripos($line, 'Wechatpay-Serial:') === 0) {
            $serial = trim(substr($line, 17));
        }
        return strlen($line);
    },
]);
if (curl_exec($request) === false) {
    fwrite(STDERR, curl_error($request) . "\n");
    exit(1);
}
echo curl_getinfo($request, CURLINFO_RESPONSE_CODE), ' ', $serial, "\n";
