"""WeChat's side of the wire, written from its documentation and independent of the C code:
signatures, the encrypted envelope, what an account's console shows, and forgeries."""

import base64
import hashlib
import re
import secrets
import struct
import time
from dataclasses import dataclass, replace
from urllib.parse import quote, urlencode

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

BLOCK = 32


@dataclass(frozen=True)
class Account:
    """One Official Account as both consoles show it."""
    path: str
    mode: str
    appid: str
    token: str
    key: str = ""
    old_key: str = ""
    old_token: str = ""
    app_key: str = ""
    service_id: str = ""
    service_secret: str = ""


def _account(path, mode, **kw):
    digest = hashlib.sha256(path.encode()).hexdigest()
    key = base64.b64encode(hashlib.sha512(path.encode()).digest()).decode()
    key = key.replace("+", "p").replace("/", "s")[:42] + "A"
    values = dict(appid="wx" + digest[:16], token="tok" + digest[16:36], app_key="ak" + digest[:20],
                  service_id="OA" + digest[20:36], service_secret="ss" + digest[36:60])
    if mode != "PLAIN":
        values["key"] = key
    values.update(kw)
    return Account(path, mode, **values)


SAFE = _account("safe", "SAFE")
COMPATIBLE = _account("compatible", "COMPATIBLE")
PLAIN = _account("plain", "PLAIN")
# Changed its key and its Token a moment ago; those before are still set.
ROTATED = _account("rotated", "SAFE", old_key=_account("before", "SAFE").key,
                   old_token="tokenBefore")
# A key typed by hand: the two spare bits of its last character are not zero.
SPARE = _account("spare", "SAFE", key=_account("spare", "SAFE").key[:42] + "D")
# QT shows no application key for this one, and its Token has changed.
KEYLESS = _account("keyless", "PLAIN", app_key="", old_token="keylessBefore")
ACCOUNTS = (SAFE, COMPATIBLE, PLAIN, ROTATED, SPARE, KEYLESS)
TEN = tuple(_account(f"account{n}", "PLAIN") for n in range(10))


def sha1_sorted(*parts):
    parts = sorted(p if isinstance(p, bytes) else p.encode() for p in parts)
    return hashlib.sha1(b"".join(parts)).hexdigest()


def raw_key(text):
    return base64.b64decode(text + "=")


def encrypt(key, padded):
    raw = raw_key(key)
    enc = Cipher(algorithms.AES(raw), modes.CBC(raw[:16])).encryptor()
    return base64.b64encode(enc.update(padded) + enc.finalize()).decode()


def pad(text, block=BLOCK):
    n = block - len(text) % block
    return text + bytes([n]) * n


def plaintext(appid, xml, length=None):
    """What is encrypted, without padding; length overrides the true one."""
    length = len(xml) if length is None else length
    return secrets.token_bytes(16) + struct.pack(">I", length) + xml + appid.encode()


def seal(account, xml, key=None, appid=None):
    return encrypt(key or account.key,
                   pad(plaintext(account.appid if appid is None else appid, xml)))


def unseal(account, text):
    """The message in an <Encrypt>."""
    raw = raw_key(account.key)
    dec = Cipher(algorithms.AES(raw), modes.CBC(raw[:16])).decryptor()
    clear = dec.update(base64.b64decode(text)) + dec.finalize()
    return clear[20:20 + struct.unpack(">I", clear[16:20])[0]]


def text_message(content="hello", user="oQtoaE2eUser0000000000000001", at=None, msgid=None):
    return ("<xml><ToUserName><![CDATA[gh_e2e000000001]]></ToUserName>\n"
            f"<FromUserName><![CDATA[{user}]]></FromUserName>\n"
            f"<CreateTime>{int(time.time() if at is None else at)}</CreateTime>\n"
            "<MsgType><![CDATA[text]]></MsgType>\n"
            f"<Content><![CDATA[{content}]]></Content>\n"
            f"<MsgId>{msgid or secrets.randbelow(1 << 62)}</MsgId>\n</xml>").encode()


@dataclass(frozen=True)
class Push:
    """One request of WeChat's: parameters in order, and the body (None: a GET)."""
    params: tuple
    body: bytes = None
    method: str = "POST"

    @property
    def query(self):
        return urlencode(self.params, quote_via=quote)

    def get(self, name):
        return dict(self.params)[name]

    def without(self, name):
        return replace(self, params=tuple(p for p in self.params if p[0] != name))

    def with_(self, name, value):
        return replace(self, params=tuple((k, value if k == name else v)
                                          for k, v in self.params))

    def plus(self, name, value):
        return replace(self, params=self.params + ((name, value),))


def url_params(account, at=None, nonce=None, token=None):
    at = str(int(time.time() if at is None else at))
    nonce = nonce or str(secrets.randbelow(10 ** 10))
    return (("signature", sha1_sorted(token or account.token, at, nonce)),
            ("timestamp", at), ("nonce", nonce))


def handshake(account, echostr=None, **kw):
    echostr = echostr or str(secrets.randbelow(10 ** 19))
    return Push(url_params(account, **kw) + (("echostr", echostr),), method="GET")


def envelope(encrypted, mode="SAFE", xml=b""):
    name = re.search(rb"<ToUserName>.*?</ToUserName>", xml)
    to = (name[0].decode() if name else "<ToUserName><![CDATA[gh_e2e000000001]]></ToUserName>") \
        + "\n"
    enc = f"<Encrypt><![CDATA[{encrypted}]]></Encrypt>\n"
    if mode == "COMPATIBLE":        # all of the plain message, then the encrypted one
        return xml[:-len(b"</xml>")] + enc.encode() + b"</xml>"
    return f"<xml>\n{to}{enc}</xml>".encode()


def push_sealed(account, encrypted, xml=b"<xml></xml>", signed=None, **kw):
    """A push with this text in <Encrypt>; `signed` is what the signature covers."""
    params = url_params(account, **kw)
    token = kw.get("token") or account.token
    return Push(params + (
        ("openid", "oQtoaE2eUser0000000000000001"), ("encrypt_type", "aes"),
        ("msg_signature", sha1_sorted(token, params[1][1], params[2][1],
                                      encrypted if signed is None else signed)),
    ), envelope(encrypted, account.mode, xml))


def push(account, xml=None, key=None, **kw):
    """A genuine push in the account's own mode."""
    xml = text_message() if xml is None else xml
    if account.mode == "PLAIN":
        return Push(url_params(account, **kw) + (("openid", "oQtoaE2eUser0000000000000001"),), xml)
    return push_sealed(account, seal(account, xml, key), xml, **kw)


def refused_pushes(account=SAFE):
    """Everything a forger may send to an encrypting account: (name, push, WeChat's code)."""
    xml = text_message("forged")
    sealed = seal(account, xml)
    good = push_sealed(account, sealed, xml)
    body = plaintext(account.appid, xml)
    flipped = ("B" if sealed[0] == "A" else "A") + sealed[1:]

    def inside(text):       # properly signed, wrong within
        return push_sealed(account, text)

    def with_body(data):
        return replace(good, body=data)

    def with_padding(n, value):
        text = body + bytes(-(len(body) + n) % BLOCK)
        return inside(encrypt(account.key, text + bytes([value]) * n))

    def with_length(value):
        return inside(encrypt(account.key, pad(plaintext(account.appid, xml, value))))

    def with_appid(appid):
        return inside(seal(account, xml, appid=appid))

    uneven = (body + bytes(-len(body) % BLOCK))[:-2] + b"\1\2"
    ragged = pad(body, 16) if len(pad(body, 16)) % BLOCK else pad(body + bytes(16), 16)
    inner = good.body[len(b"<xml>"):-len(b"</xml>")]
    return [
        ("plain-body", Push(url_params(account), xml), -40001),
        ("plain-body-raw", Push(url_params(account) + (("encrypt_type", "raw"),), xml), -40001),
        ("other-token", push(account, xml, token="anotherToken"), -40001),
        ("signature-upper-case", good.with_("signature", good.get("signature").upper()), -40001),
        ("signature-cut", good.with_("signature", good.get("signature")[:39]), -40001),
        ("signature-longer", good.with_("signature", good.get("signature") + "0"), -40001),
        ("msg-signature-wrong", good.with_("msg_signature", "0" * 40), -40001),
        ("msg-signature-is-signature", good.with_("msg_signature", good.get("signature")), -40001),
        ("timestamp-changed", good.with_("timestamp", str(int(good.get("timestamp")) + 1)), -40001),
        ("nonce-changed", good.with_("nonce", good.get("nonce") + "1"), -40001),
        ("encrypt-changed", with_body(good.body.replace(sealed.encode(), flipped.encode())),
         -40001),
        ("stale", push(account, xml, at=time.time() - 3600), -40001),
        ("from-the-future", push(account, xml, at=time.time() + 3600), -40001),
        ("timestamp-no-number", _with_timestamp(account, sealed, "12ab"), -40001),
        ("timestamp-overflow", _with_timestamp(account, sealed, "9" * 30), -40001),
        ("timestamp-negative", _with_timestamp(account, sealed, "-1"), -40001),
        ("no-encrypt", with_body(b"<xml><ToUserName>x</ToUserName></xml>"), -40002),
        ("encrypt-too-deep", with_body(b"<xml><a>" + inner + b"</a></xml>"), -40002),
        ("other-root", with_body(good.body.replace(b"xml>", b"lmx>")), -40002),
        ("doctype", with_body(b'<!DOCTYPE xml [<!ENTITY e "x">]>' + good.body), -40002),
        ("not-xml", with_body(b"hello"), -40002),
        ("json", with_body(b'{"Encrypt":"' + sealed.encode() + b'"}'), -40002),
        ("cut-xml", with_body(good.body[:-4]), -40002),
        ("empty-body", with_body(b""), -40002),
        ("empty-encrypt", inside(""), -40002),
        ("base64-alphabet", inside(sealed[:-4] + "-_=="), -40010),
        ("base64-length", inside(sealed[:-1]), -40010),
        ("base64-blank", inside(sealed[:40] + " " + sealed[41:]), -40010),
        ("cipher-not-32", inside(encrypt(account.key, ragged)), -40007),
        ("cipher-only-padding", inside(encrypt(account.key, b"\x20" * 32)), -40008),
        ("padding-0", with_padding(32, 0), -40007),
        ("padding-33", with_padding(33, 33), -40007),
        ("padding-255", with_padding(255, 255), -40007),
        ("padding-uneven", inside(encrypt(account.key, uneven)), -40007),
        ("other-key", inside(_sealed_with_another_key(account, xml)), -40007),
        ("length-all-ones", with_length(0xffffffff), -40008),
        ("length-wraps-with-20", with_length(0xffffffec), -40008),
        ("length-sign-bit", with_length(0x80000000), -40008),
        ("length-over-by-one", with_length(len(xml) + len(account.appid) + 1), -40008),
        ("length-all-there-is", with_length(len(xml) + len(account.appid)), -40008),
        ("length-one-short", with_length(len(xml) - 1), -40005),
        ("appid-other", with_appid("wx00000000000000ff"), -40005),
        ("appid-longer", with_appid(account.appid + "0"), -40005),
        ("appid-cut", with_appid(account.appid[:-1]), -40005),
        ("appid-upper-case", with_appid(account.appid.upper()), -40005),
        ("appid-missing", with_appid(""), -40008),
    ] + refused_params(good, ("signature", "timestamp", "nonce", "msg_signature"))


def _sealed_with_another_key(account, xml):
    """Opened with the account's key it shows no padding: chance would now and then."""
    raw = raw_key(account.key)
    while True:
        text = seal(account, xml, key=_account("stranger", "SAFE").key)
        dec = Cipher(algorithms.AES(raw), modes.CBC(raw[:16])).decryptor()
        last = (dec.update(base64.b64decode(text)) + dec.finalize())[-BLOCK:]
        if last[-last[-1]:] != last[-1:] * last[-1]:
            return text


def refused_params(good, needed):
    """Each needed parameter left out, each at all given empty or twice."""
    rows = [("no-" + name, good.without(name), -40001) for name in needed]
    for name, value in good.params:
        rows.append(("empty-" + name, good.with_(name, ""), -40001))
        rows.append(("twice-" + name, good.plus(name, value), -40001))
        rows.append(("array-" + name, good.without(name).plus(name + "[]", value), -40001)
                    if name in needed else ("twice-other-" + name, good.plus(name, "x"), -40001))
    return rows


def _with_timestamp(account, sealed, stamp):
    """Signed with the token over a timestamp that is none."""
    nonce = str(secrets.randbelow(10 ** 10))
    return Push((("signature", sha1_sorted(account.token, stamp, nonce)), ("timestamp", stamp),
                 ("nonce", nonce), ("encrypt_type", "aes"),
                 ("msg_signature", sha1_sorted(account.token, stamp, nonce, sealed))),
                envelope(sealed))


def refused_handshakes(account=SAFE):
    good = handshake(account)
    return [
        ("get-other-token", handshake(account, token="anotherToken"), -40001),
        ("get-wrong-signature", good.with_("signature", "0" * 40), -40001),
        ("get-stale", handshake(account, at=time.time() - 3600), -40001),
        ("get-push", replace(push(account), method="GET", body=None), -40001),
    ] + [("get-" + name, push, code) for name, push, code in refused_params(
        good, ("signature", "timestamp", "nonce", "echostr"))]
