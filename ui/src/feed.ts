// Server-sent events over fetch, because EventSource cannot send an
// Authorization header and a token has no business in a URL.
//
// The connection is thought dead after a silence and then made anew with
// Last-Event-ID, first after a second, at most after thirty, with some jitter.

import { now } from "./now";
import { record, str } from "./wire";

export interface FeedEvent { id: string; type: string; data: string }
export interface FeedHooks {
  open(): void;                                                // headers have arrived
  event(e: FeedEvent): void;
  lost(why: string, retryAt: number): void;                    // of the engine's clock, ms
  refused(status: number): void;                               // 401 or 403: does not try again by itself
}

export const SILENCE_MS = 45_000, BACKOFF_MIN_MS = 1_000, BACKOFF_MAX_MS = 30_000, LINE_MAX = 1 << 20;

/** Puts lines together to events; the rules of the HTML standard, without the byte order mark. */
export class FeedParser {
  private rest = "";
  private data: string[] = [];
  private type = "";
  private id = "";
  retry: number | null = null;

  push(chunk: string, out: (e: FeedEvent) => void): void {
    this.rest += chunk;
    const lines = this.rest.split(/\r\n|\n|\r(?!$)/);
    this.rest = lines.pop() ?? "";
    if (this.rest.length > LINE_MAX) throw new Error("an event is longer than 1 MiB");
    for (const line of lines) this.line(line, out);
  }

  private line(line: string, out: (e: FeedEvent) => void): void {
    if (line === "") {
      if (this.data.length) out({ id: this.id, type: this.type || "message", data: this.data.join("\n") });
      this.data = [];
      this.type = "";
      return;
    }
    const colon = line.indexOf(":");
    if (colon === 0) return;   // a comment: the server is alive
    const field = colon < 0 ? line : line.slice(0, colon);
    const value = colon < 0 ? "" : line.slice(colon + 1).replace(/^ /, "");
    if (field === "data") this.data.push(value);
    else if (field === "event") this.type = value;
    else if (field === "id" && !value.includes("\0")) this.id = value;
    else if (field === "retry" && /^\d+$/.test(value)) this.retry = Number(value);
  }
}

export class Feed {
  private lastId = "";
  private tries = 0;
  private stopped = false;
  private abort: AbortController | null = null;
  private timer = 0;
  private watchdog = 0;

  constructor(private url: string, private headers: () => { [name: string]: string }, private hooks: FeedHooks) {}

  start(): void {
    this.stopped = false;
    clearTimeout(this.timer);
    this.abort?.abort();
    void this.run();
  }

  stop(): void {
    this.stopped = true;
    clearTimeout(this.timer);
    clearTimeout(this.watchdog);
    this.abort?.abort();
  }

  private async run(): Promise<void> {
    const abort = (this.abort = new AbortController());
    const parser = new FeedParser();
    let why = "the server closed the connection";
    try {
      this.wake(abort);
      const headers: { [name: string]: string } = { Accept: "text/event-stream", ...this.headers() };
      if (this.lastId) headers["Last-Event-ID"] = this.lastId;
      const answer = await fetch(this.url, { headers, signal: abort.signal, cache: "no-store" });
      if (answer.status === 401 || answer.status === 403) {
        clearTimeout(this.watchdog);
        return this.hooks.refused(answer.status);
      }
      if (!answer.ok || !answer.body) {
        const p: unknown = await answer.json().catch(() => null);
        throw new Error(str(record(p)["detail"]) ?? `the server answered ${answer.status}`);
      }
      this.hooks.open();
      const reader = answer.body.getReader(), decoder = new TextDecoder();
      for (;;) {
        const { value, done } = await reader.read();
        if (done) break;
        this.wake(abort);
        this.tries = 0;
        parser.push(decoder.decode(value, { stream: true }), (e) => {
          if (e.id) this.lastId = e.id;
          this.hooks.event(e);
        });
      }
    } catch (e) {
      why = abort.signal.reason === "silence" ? "nothing was heard for a while" : e instanceof Error ? e.message : String(e);
    }
    clearTimeout(this.watchdog);
    if (this.stopped || this.abort !== abort) return;
    const base = Math.min(BACKOFF_MAX_MS, (parser.retry ?? BACKOFF_MIN_MS) * 2 ** this.tries++);
    const wait = base * (0.7 + 0.6 * Math.random());
    this.hooks.lost(why, now() + wait);
    this.timer = window.setTimeout(() => void this.run(), wait);
  }

  private wake(abort: AbortController): void {
    clearTimeout(this.watchdog);
    this.watchdog = window.setTimeout(() => (abort as { abort(reason?: unknown): void }).abort("silence"), SILENCE_MS);
  }
}
