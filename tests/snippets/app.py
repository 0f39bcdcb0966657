import os
import urllib.request

request = urllib.request.Request(
    "https://api.mch.weixin.qq.com/v3/certificates",
    headers={"Accept": "application/json", "User-Agent": "shop/1", "Authorization": os.environ["AUTHORIZATION"]},
)
with urllib.request.urlopen(request) as answer:
    print(answer.status, answer.headers["Wechatpay-Serial"])
