"""A tiny scoring engine: so many responses, so many points. It knows nothing of consent; what stands in front of it does.

    python3 engine.py PORT RESPONSES.json      # [["who responded", "to whom"], ..], both as the ids that came with the grants
"""
import collections
import http.server
import json
import sys


class Engine(http.server.BaseHTTPRequestHandler):
    points = collections.Counter()
    asked = 0

    def do_GET(self):
        parts = self.path.split("?")[0].strip("/").split("/")
        Engine.asked += 1
        if len(parts) == 3 and parts[0] == "people" and parts[2] == "score":
            self.answer({"person": parts[1], "score": self.points[parts[1]]})
        elif parts == ["ranking"]:
            ranked = self.points.most_common()
            results = [{"place": place + 1, "person": who, "score": n} for place, (who, n) in enumerate(ranked)]
            self.answer({"total": len(results), "results": results, "by_person": dict(ranked)})
        elif parts == ["asked"]:
            self.answer({"asked": Engine.asked})
        else:
            self.send_error(404)

    def answer(self, value):
        body = json.dumps(value).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


if __name__ == "__main__":
    with open(sys.argv[2], encoding="utf-8") as responses:
        for _, to in json.load(responses):
            Engine.points[to] += 1
    http.server.ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Engine).serve_forever()
