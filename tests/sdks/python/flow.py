"""The whole flow of a merchant's backend on wechatpayv3, whose host name is hard-coded: through the proxy."""
import gzip
import hashlib
import json
import os
import queue
import random
import threading
import time
import urllib.request
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import requests
from wechatpayv3 import WeChatPay, WeChatPayType

with open(os.environ["GUITAI_SANDBOX"], encoding="utf-8") as f:
    sandbox = json.loads(f.read())
public_key_mode = os.environ.get("GUITAI_MODE") == "public_key"


def read(path):
    with open(path, encoding="utf-8") as file:
        return file.read()


def step(name, **extra):
    print(json.dumps({"step": name, **extra}, ensure_ascii=False, separators=(",", ":")), flush=True)


def control(path, body):
    """The sandbox's own controls: on loopback, past the proxy."""
    request = urllib.request.Request(
        f"{sandbox['base_url']}/_sandbox/{path}", json.dumps(body).encode(), {"Content-Type": "application/json"})
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(request, timeout=20) as answer:
        text = answer.read()
    return json.loads(text) if text else None


# The environment is all that the SDK is told of the sandbox.
os.environ["HTTPS_PROXY"] = sandbox["proxy_url"]
os.environ["REQUESTS_CA_BUNDLE"] = sandbox["ca_certificate"]
mode = {"public_key": read(sandbox["public_key"]), "public_key_id": sandbox["public_key_id"]} if public_key_mode else {}
wxpay = WeChatPay(
    wechatpay_type=WeChatPayType.JSAPI, mchid=sandbox["mchid"], private_key=read(sandbox["merchant_private_key"]),
    cert_serial_no=sandbox["merchant_serial_no"], apiv3_key=sandbox["api_v3_key"], appid=sandbox["appid"],
    notify_url="http://127.0.0.1:1/unused", **mode)
step("sdk_ready")

notifications = queue.Queue()


class Notify(BaseHTTPRequestHandler):
    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        result = wxpay.callback(self.headers, body)
        self.send_response(204 if result else 401)
        self.end_headers()
        notifications.put(result)

    def log_message(self, *_):
        pass


server = ThreadingHTTPServer(("127.0.0.1", 0), Notify)
threading.Thread(target=server.serve_forever, daemon=True).start()
notify_url = f"http://127.0.0.1:{server.server_port}/notify"


def number(kind):
    return f"{kind}{int(time.time() * 1000)}{random.randrange(10**6):06d}"


login = requests.get("https://api.weixin.qq.com/sns/jscode2session", timeout=20, params={
    "appid": sandbox["appid"], "secret": sandbox["appsecret"], "js_code": "sandbox-python",
    "grant_type": "authorization_code"}).json()
openid = login["openid"]
step("login", openid=openid)

out_trade_no = number("P")
code, message = wxpay.pay(description="奶茶 两杯", out_trade_no=out_trade_no, amount={"total": 1250, "currency": "CNY"},
                          payer={"openid": openid}, notify_url=notify_url, attach="门店 8")
assert code == 200, message
prepay_id = json.loads(message)["prepay_id"]
step("prepay", prepay_id=prepay_id)

timestamp, nonce = str(int(time.time())), number("n")
package = f"prepay_id={prepay_id}"
params = {"appId": sandbox["appid"], "timeStamp": timestamp, "nonceStr": nonce, "package": package, "signType": "RSA",
          "paySign": wxpay.sign([sandbox["appid"], timestamp, nonce, package])}
accepted = control("pay-params", params)
assert accepted["ok"], accepted
step("pay_params")

paid = control("payments", {"prepay_id": prepay_id, "outcome": "SUCCESS", "payer_openid": openid})
step("paid", transaction_id=paid["transaction_id"])
payment = notifications.get(timeout=20)
assert payment and payment["event_type"] == "TRANSACTION.SUCCESS", payment
assert payment["resource"]["out_trade_no"] == out_trade_no and payment["resource"]["amount"]["total"] == 1250, payment
step("notification")

code, message = wxpay.query(out_trade_no=out_trade_no)
queried = json.loads(message)
assert code == 200 and queried["trade_state"] == "SUCCESS", message
step("query")

code, message = wxpay.refund(out_refund_no=number("R"), out_trade_no=out_trade_no, reason="少一杯", notify_url=notify_url,
                             amount={"refund": 250, "total": 1250, "currency": "CNY"})
assert code == 200 and json.loads(message)["status"] == "PROCESSING", message
step("refund")
control("clock", {"advance_seconds": 2})
refunded = notifications.get(timeout=20)
assert refunded and refunded["event_type"] == "REFUND.SUCCESS", refunded
assert refunded["resource"]["refund_status"] == "SUCCESS", refunded
step("refund_notification")

unwanted = number("C")
code, message = wxpay.pay(description="不要了", out_trade_no=unwanted, amount={"total": 1}, notify_url=notify_url,
                          pay_type=WeChatPayType.NATIVE)
assert code == 200, message
code, message = wxpay.close(unwanted)
assert code == 204, (code, message)
step("close")

bill_date = queried["success_time"][:10]
control("clock", {"advance_seconds": 36 * 3600})
code, message = wxpay.trade_bill(bill_date=bill_date)
assert code == 200, message
bill = json.loads(message)
code, content = wxpay.download_bill(bill["download_url"])
assert code == 200, content
content = gzip.decompress(content)  # the SDK asks for GZIP by default
assert hashlib.sha1(content).hexdigest() == bill["hash_value"].lower()
assert out_trade_no.encode() in content
step("bill")
step("done")
server.shutdown()
