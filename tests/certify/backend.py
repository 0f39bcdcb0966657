"""A correct callback handler on wechatpayv3; the SDK checks no age, so the handler does."""
import json
import os
import threading
import time
import uuid
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

from wechatpayv3 import WeChatPay, WeChatPayType

with open(os.environ["GUITAI_SANDBOX"], encoding="utf-8") as f:
    sandbox = json.loads(f.read())
os.environ["HTTPS_PROXY"] = sandbox["proxy_url"]
os.environ["REQUESTS_CA_BUNDLE"] = sandbox["ca_certificate"]


def read(path):
    with open(path, encoding="utf-8") as file:
        return file.read()


def client(**mode):
    return WeChatPay(
        wechatpay_type=WeChatPayType.NATIVE, mchid=sandbox["mchid"], private_key=read(sandbox["merchant_private_key"]),
        cert_serial_no=sandbox["merchant_serial_no"], apiv3_key=sandbox["api_v3_key"], appid=sandbox["appid"],
        notify_url="http://127.0.0.1:1/unused", **mode)


by_certificate = client()
by_public_key = client(public_key=read(sandbox["public_key"]), public_key_id=sandbox["public_key_id"])
lock = threading.Lock()
orders = {}


def apply(order):
    with lock:
        if not order["paid"]:
            order["paid"], order["applied"] = True, order["applied"] + 1


class Handler(BaseHTTPRequestHandler):
    def answer(self, status, body=b""):
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def refuse(self, status, message):
        self.answer(status, json.dumps({"code": "FAIL", "message": message}).encode())

    def do_GET(self):
        url = urlsplit(self.path)
        if url.path != "/probe":
            return self.refuse(405 if url.path == "/notify" else 404, "no")
        order = orders.get(parse_qs(url.query)["no"][0], {"paid": False, "applied": 0})
        return self.answer(200, json.dumps({"paid": order["paid"], "times_applied": order["applied"]}).encode())

    def do_POST(self):
        length = int(self.headers.get("Content-Length") or 0)
        if length > 65536:
            self.close_connection = True
            # Read on for a moment, or the reset destroys the answer on its way.
            self.rfile.read(length)
            return self.refuse(413, "too large")
        body = self.rfile.read(length)
        if self.path == "/order":
            no = f"P{uuid.uuid4().hex[:24]}"
            orders[no] = {"total": 990, "paid": False, "applied": 0}
            try:
                code, message = by_certificate.pay(description="体检", out_trade_no=no, amount={"total": 990, "currency": "CNY"}, notify_url=notify_url)
            except Exception:  # lost, or not genuine
                return self.refuse(502, "no answer")
            return self.answer(200, f"{no}\n".encode()) if code == 200 else self.refuse(500, message)
        try:
            if abs(time.time() - int(self.headers["Wechatpay-Timestamp"])) > 300:
                raise ValueError("stale")
            sdk = by_public_key if self.headers["Wechatpay-Serial"].startswith("PUB_KEY_ID_") else by_certificate
            result = sdk.callback(self.headers, body)
        except Exception:
            return self.refuse(401, "not genuine")
        if not result:
            return self.refuse(401, "not genuine")
        content = result["resource"]
        order = orders.get(content["out_trade_no"])
        ours = content.get("mchid") == sandbox["mchid"] and content.get("appid") == sandbox["appid"]
        if result["event_type"] == "TRANSACTION.SUCCESS" and order and ours and content["amount"]["total"] == order["total"]:
            apply(order)
        return self.answer(204)

    def log_message(self, *_):
        pass


def patrol():
    while True:
        time.sleep(1.5)
        for no, order in list(orders.items()):
            if not order["paid"]:
                try:
                    code, message = by_certificate.query(out_trade_no=no)
                except Exception:  # no genuine answer: asked again next time
                    continue
                if code == 200 and json.loads(message)["trade_state"] == "SUCCESS":
                    apply(order)


server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
server.request_queue_size = 64
notify_url = f"http://127.0.0.1:{server.server_port}/notify"
threading.Thread(target=patrol, daemon=True).start()
print(json.dumps({"port": server.server_port}), flush=True)
server.serve_forever()
