"""firefox_driver.py PROFILE - lets browser.sh drive Firefox: starts it without a window, and answers WebDriver's requests by HTTP.

Firefox understands WebDriver's commands itself, over a socket of its own (Marionette: the length, a colon, JSON); Debian has no
program that stands between. This one knows the requests that browser.sh makes. It says "started successfully on port N", as
chromedriver does, and ends with the session.
"""
import http.server
import json
import os
import re
import socket
import subprocess
import sys
import time

COMMANDS = [  # method, path below the session, command
    ("POST", "url", "Navigate"), ("POST", "refresh", "Refresh"), ("POST", "execute/sync", "ExecuteScript"), ("POST", "element", "FindElement"),
    ("POST", "element/([^/]+)/value", "ElementSendKeys"), ("POST", "element/([^/]+)/click", "ElementClick"),
    ("POST", "actions", "PerformActions"), ("POST", "window/rect", "SetWindowRect"), ("GET", "screenshot", "TakeScreenshot")]
START_SECONDS = 300


class Firefox:
    def __init__(self, profile):
        os.makedirs(profile, exist_ok=True)
        with open(f"{profile}/user.js", "w", encoding="utf-8") as prefs:
            prefs.write('user_pref("marionette.port", 0);\nuser_pref("browser.shell.checkDefaultBrowser", false);\n'
                        'user_pref("datareporting.policy.dataSubmissionEnabled", false);\nuser_pref("app.update.enabled", false);\n')
        self.process = subprocess.Popen(["firefox-esr", "--headless", "--marionette", "--no-remote", "--profile", profile],
                                        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        end = time.monotonic() + START_SECONDS
        while True:  # the file comes with the port
            try:
                with open(f"{profile}/MarionetteActivePort", encoding="ascii") as port:
                    self.socket = socket.create_connection(("127.0.0.1", int(port.read())))
                break
            except (OSError, ValueError):
                if time.monotonic() > end or self.process.poll() is not None:
                    sys.exit("Firefox did not start")
                time.sleep(0.1)
        self.file = self.socket.makefile("rb")
        self.n = 0
        self.read()  # who it is

    def read(self):
        digits = b""
        while (byte := self.file.read(1)) != b":":
            if not byte:
                raise ConnectionError("Firefox has ended")
            digits += byte
        return json.loads(self.file.read(int(digits)))

    def ask(self, command, parameters):
        self.n += 1
        told = json.dumps([0, self.n, command, parameters]).encode()
        self.socket.sendall(b"%d:%s" % (len(told), told))
        while True:
            kind, n, error, value = self.read()
            if kind == 1 and n == self.n:
                return error, value


class Handler(http.server.BaseHTTPRequestHandler):
    def log_message(self, *_):
        pass

    def answer(self):
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        parameters = json.loads(body) if body else {}
        if self.path == "/session":
            error, value = firefox.ask("WebDriver:NewSession", {"timeouts": {"script": 600000, "pageLoad": 600000}})
        elif self.command == "DELETE":
            error, value = firefox.ask("Marionette:Quit", {"flags": ["eForceQuit"]})
            self.server.is_over = True
        else:
            for method, path, command in COMMANDS:
                found = re.fullmatch(f"/session/[^/]+/{path}", self.path)
                if found and method == self.command:
                    parameters |= {"id": found[1]} if found.groups() else {}
                    error, value = firefox.ask(f"WebDriver:{command}", parameters)
                    break
            else:
                error, value = {"error": "unknown command", "message": self.path}, None
        if isinstance(value, dict) and set(value) == {"value"}:
            value = value["value"]
        told = json.dumps({"value": error or value}).encode()
        self.send_response(500 if error else 200)
        self.send_header("Content-Length", str(len(told)))
        self.end_headers()
        self.wfile.write(told)

    do_GET = do_POST = do_DELETE = answer


firefox = Firefox(sys.argv[1])
server = http.server.HTTPServer(("127.0.0.1", 0), Handler)
server.is_over = False
print(f"started successfully on port {server.server_port}", flush=True)
try:
    while not server.is_over:
        server.handle_request()
finally:
    try:
        firefox.process.wait(20)
    except subprocess.TimeoutExpired:
        firefox.process.kill()
