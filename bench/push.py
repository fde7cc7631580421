#!/usr/bin/python3
"""push.py: writes pushes of WeChat in safe mode, signed, encrypted and fresh.

    push.py ACCOUNT.json FIRST COUNT FILE [envelopes]

ACCOUNT.json has token, aes_key and appid.  FILE gets the messages number FIRST and
following, each as an HTTP request without its beginning, "POST PATH?", behind its
length in four bytes, little endian.  No two numbers are the same message.
`envelopes`: each in QT's signed envelope, for which ACCOUNT.json has service_id,
app_key and service_secret, too.
"""
import base64
import hashlib
import json
import os
import struct
import sys
import time

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

HEAD = (
    "{query} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: text/xml\r\n"
    "Content-Length: {length}\r\n\r\n"
)

MESSAGES = (
    "<MsgType><![CDATA[text]]></MsgType>\n"
    "<Content><![CDATA[你好, where is order {n}? \U0001f600]]></Content>\n<MsgId>{id}</MsgId>",
    "<MsgType><![CDATA[event]]></MsgType>\n<Event><![CDATA[CLICK]]></Event>\n"
    "<EventKey><![CDATA[MENU_{n}]]></EventKey>",
    "<MsgType><![CDATA[event]]></MsgType>\n<Event><![CDATA[VIEW]]></Event>\n"
    "<EventKey><![CDATA[https://www.example.com/shop?item={n}&from=menu]]></EventKey>\n"
    "<MenuId>{id}</MenuId>",
    "<MsgType><![CDATA[image]]></MsgType>\n"
    "<PicUrl><![CDATA[http://mmbiz.example.com/mmbiz_jpg/{id}/0]]></PicUrl>\n"
    "<MsgId>{id}</MsgId>\n<MediaId><![CDATA[m-{id}-{n}]]></MediaId>",
    "<MsgType><![CDATA[event]]></MsgType>\n<Event><![CDATA[subscribe]]></Event>\n"
    "<EventKey><![CDATA[qrscene_{n}]]></EventKey>\n<Ticket><![CDATA[gQ{id}]]></Ticket>",
)


def sha1(*parts):
    return hashlib.sha1("".join(sorted(parts)).encode()).hexdigest()


def seal(key, appid, xml):
    """16 random bytes, length, XML, AppID, padding to 32: AES-256-CBC, base64."""
    plain = os.urandom(16) + struct.pack(">I", len(xml)) + xml + appid.encode()
    pad = 32 - len(plain) % 32
    cipher = Cipher(algorithms.AES(key), modes.CBC(key[:16])).encryptor()
    return base64.b64encode(cipher.update(plain + bytes([pad]) * pad) + cipher.finalize()).decode()


def push(account, key, n):
    """One push: (query, body)."""
    now = str(int(time.time()))
    user = "oBench%022d" % n
    nonce = str(100000000 + n)
    xml = (
        "<xml><ToUserName><![CDATA[gh_7d0c41fa52e9]]></ToUserName>\n"
        f"<FromUserName><![CDATA[{user}]]></FromUserName>\n<CreateTime>{now}</CreateTime>\n"
        + MESSAGES[n % len(MESSAGES)].format(n=n, id=24529870000000000 + n)
        + "\n</xml>"
    )
    sealed = seal(key, account["appid"], xml.encode())
    query = (
        f"signature={sha1(account['token'], now, nonce)}&timestamp={now}&nonce={nonce}"
        f"&openid={user}&encrypt_type=aes"
        f"&msg_signature={sha1(account['token'], now, nonce, sealed)}"
    )
    body = (
        "<xml>\n    <ToUserName><![CDATA[gh_7d0c41fa52e9]]></ToUserName>\n"
        f"    <Encrypt><![CDATA[{sealed}]]></Encrypt>\n</xml>"
    )
    return query, body


def envelope(account, query, body):
    """What a forwarder sends to QT: JSON with its members sorted, and their MD5 as one of them."""
    members = dict(pair.split("=", 1) for pair in query.split("&"))
    members.update(
        app_id=account["service_id"],
        appkey=account["app_key"],
        code=account["appid"],
        ts=str(int(time.time() * 1000)),
        weChatOAData=body,
    )
    text = json.dumps(members, sort_keys=True, separators=(",", ":"))
    members["sign"] = hashlib.md5((text + account["service_secret"]).encode()).hexdigest()
    return json.dumps(members, sort_keys=True, separators=(",", ":"))


def main():
    first, count = int(sys.argv[2]), int(sys.argv[3])
    with open(sys.argv[1], encoding="utf-8") as f:
        account = json.load(f)
    key = base64.b64decode(account["aes_key"] + "=")
    with open(sys.argv[4], "wb") as f:
        for n in range(first, first + count):
            query, body = push(account, key, n)
            if sys.argv[5:] == ["envelopes"]:
                query, body = "", envelope(account, query, body)
            body = body.encode()
            head = HEAD.format(query=query, length=len(body)).encode()
            f.write(struct.pack("<I", len(head) + len(body)) + head + body)


if __name__ == "__main__":
    main()
