#!/usr/bin/python3
"""bench/api.py - GET /case/{id} at 1 000 requests a second, while a PostgreSQL is watched as ever. API_SECONDS=30 API_RATE=1000"""
import os
import subprocess
import sys

from lab import Arena, end_well, ledger_step, plan_of, program


def main():
    end_well()
    with Arena("api", postgres=True, mode="watch", binary=program("homeostat")) as arena:
        arena.first_start()
        arena.daemon.start()
        arena.daemon.wait_ready()
        client = arena.client()
        ids = []
        for i in range(50):
            ids.append(client.ask("POST", "/case/create", {"title": f"api {i}"}, f"api-{i}").data["id"])
            client.ask("POST", "/plan/generate", {"case_id": ids[-1], "plan": plan_of([ledger_step(arena, "a")])}, f"api-plan-{i}")
        client.close()
        done = subprocess.run([program("api"), "--port", str(arena.port), "--token-file", os.path.join(arena.store, "token"), "--path", f"/case/{ids[25]}",
                               "--rate", os.environ.get("API_RATE", "1000"), "--seconds", os.environ.get("API_SECONDS", "30")], check=False)
        arena.daemon.stop()
        sys.exit(done.returncode)


if __name__ == "__main__":
    main()
