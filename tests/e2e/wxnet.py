"""WeChat's calls about addresses, quotas and request ids, after its documentation: callback/check,
getcallbackip, get_api_domain_ip, openapi/quota/get, openapi/rid/get; beside a WeChat with an Issuer."""

import json
from urllib.parse import parse_qsl

import wxapi

wxapi.MESSAGES.update({
    40201: "invalid url", 40202: "invalid action", 40203: "invalid check_operator",
    76001: "rid not found", 76021: "cgi_path not found, please check",
})
OPERATORS = {"CHINANET", "UNICOM", "CAP", "DEFAULT"}
RID = "617682e0-09059ac5-34a8e2ea"
SOURCES = ["106.55.206.146", "101.226.103.0/25", "81.69.18.0/24"]
DOMAIN = ["198.51.100.7", "198.51.100.8"]


class Net:
    """What is said instead is in `say`, by path: an errcode, or a status and a text."""

    def __init__(self, wx):
        self.wx = wx
        self.say = {}
        self.asked = []                 # paths
        self.dns = ["203.0.113.5"]
        self.loss = ["100%"]
        self.sources = list(SOURCES)
        self.quota = {"daily_limit": 500000, "used": 30, "remain": 499970}
        self.slow = 0
        wx.gets.update({"/cgi-bin/getcallbackip": self._get("/cgi-bin/getcallbackip",
                                                            lambda: {"ip_list": self.sources}),
                        "/cgi-bin/get_api_domain_ip": self._get("/cgi-bin/get_api_domain_ip",
                                                                lambda: {"ip_list": DOMAIN})})
        wx.posts.update({f"/cgi-bin/{path}": self._post(f"/cgi-bin/{path}", answer)
                         for path, answer in (("callback/check", self._check),
                                              ("openapi/quota/get", self._quota),
                                              ("openapi/rid/get", self._rid))})

    def _judge(self, path, query, answer):
        pairs = parse_qsl(query, keep_blank_values=True, strict_parsing=True)
        if [name for name, _ in pairs] != ["access_token"]:
            self.wx.problems.append(f"{path}?{query}")
        self.asked.append(path.removeprefix("/cgi-bin/"))
        self.wx.stopping.wait(self.slow)
        said = self.say.get(path.removeprefix("/cgi-bin/"))
        if isinstance(said, tuple):
            return said
        code = said or self.wx.issuer.judge(dict(pairs).get("access_token", ""))
        return 200, json.dumps(wxapi.error(code) if code else answer())

    def _get(self, path, answer):
        return lambda query: self._judge(path, query, answer)

    def _post(self, path, answer):
        return lambda query, body: self._judge(path, query, lambda: answer(json.loads(body)))

    def _check(self, fields):
        if fields.get("action") not in ("dns", "ping", "all"):
            return wxapi.error(40202)
        if fields.get("check_operator") not in OPERATORS:
            return wxapi.error(40203)
        return {"dns": [{"ip": ip, "real_operator": "UNICOM"} for ip in self.dns],
                "ping": [{"ip": ip, "from_operator": "CAP", "package_loss": loss, "time": "23.079ms"}
                         for ip, loss in zip(self.dns, self.loss)]}

    def _quota(self, fields):
        if not str(fields.get("cgi_path", "")).startswith("/cgi-bin/"):
            return wxapi.error(76021)
        return {"errcode": 0, "errmsg": "ok", "quota": self.quota}

    def _rid(self, fields):
        if fields.get("rid") != RID:
            return wxapi.error(76001)
        token = self.wx.issuer.stable[next(iter(self.wx.issuer.accounts))].current
        return {"errcode": 0, "errmsg": "ok", "request": {
            "invoke_time": 1795322684, "cost_in_ms": 30,
            "request_url": f"access_token={token}", "request_body": '{"secret":"hush"}',
            "response_body": '{"errcode":45009,"errmsg":"reach max\\nlimit"}',
            "client_ip": "192.0.2.7"}}
