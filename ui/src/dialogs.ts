// Questions that are asked before something happens. <dialog> keeps the focus
// inside and gives it back; Escape and "Cancel" mean that nothing was done.
//
// Sending again carries the same Idempotency-Key as long as the words are the
// same and nobody has refused them, so that what was done already - the answer
// got lost, or came too late - is not done twice.

import * as api from "./api";
import { Problem } from "./api";
import { announce, loadCases, loadFile, loadTargets } from "./app";
import { build, Child, h, patch, VNode } from "./dom";
import { duration } from "./format";
import { icon } from "./icons";
import type { CaseFile, Stop } from "./model";
import { changeItem, netChanges, problemBox, prose } from "./parts";

interface Question {
  title: string; body: Child[]; action: string; danger?: boolean;
  send(form: FormData, key: string): Promise<unknown>;
  done(): void;
}

function open(title: string, content: VNode, mayLeave = () => true): HTMLDialogElement {
  const d = build(h("dialog", { "aria-labelledby": "dialog-title" }, h("h2", { id: "dialog-title" }, title), content)) as HTMLDialogElement;
  const from = document.activeElement as HTMLElement | null;
  d.addEventListener("close", () => { d.remove(); if (from?.isConnected) from.focus(); });
  // Beside it means beside it, from the press on: its own edge, or a selection that ends out there, closes nothing.
  const beside = (e: MouseEvent): boolean => { const r = d.getBoundingClientRect();
    return e.target === d && (e.clientX < r.left || e.clientX > r.right || e.clientY < r.top || e.clientY > r.bottom); };
  let pressed = false;
  d.addEventListener("pointerdown", (e) => { pressed = beside(e); });
  d.addEventListener("click", (e) => { if (pressed && beside(e) && mayLeave()) d.close(); });
  d.addEventListener("cancel", (e) => { if (!mayLeave()) e.preventDefault(); });
  document.body.append(d);
  d.showModal();
  return d;
}

function question(q: Question): void {
  let key = "", sent = "", busy = false;
  const trouble = h("div", { class: "trouble" });
  const form = h("form", { method: "dialog", onsubmit: (e: Event) => { e.preventDefault(); void go(e.target as HTMLFormElement); } }, ...q.body, trouble,
    h("div", { class: "buttons" }, h("button", { type: "button", class: "button", onclick: () => { if (!busy) d.close(); } }, "Cancel"),
      h("button", { type: "submit", class: `button ${q.danger ? "danger" : "primary"}` }, q.action)));
  const d = open(q.title, form, () => !busy);      // what was sent cannot be taken back

  async function go(f: HTMLFormElement): Promise<void> {
    if (busy) return;
    const data = new FormData(f), words = JSON.stringify([...data.entries()]);
    if (words !== sent) { key = api.newKey(); sent = words; }
    const button = f.querySelector<HTMLButtonElement>("button[type=submit]"), box = f.querySelector(".trouble") as Element;
    busy = true;
    if (button) button.setAttribute("aria-busy", "true");
    patch(box);
    try {
      await q.send(data, key);
      d.close();
      q.done();
    } catch (e) {
      // It was refused, so the next try is another request; where it may have been done it is the same.
      if (e instanceof Problem && e.refuses) sent = "";
      const problem = problemBox(e instanceof Problem ? e : new Problem(0, "The dashboard stumbled", String(e), null));
      if (d.isConnected) patch(box, problem); else tell(q.title, problem);
    } finally {
      busy = false;
      button?.removeAttribute("aria-busy");
    }
  }
}

/** For who has gone on meanwhile. */
function tell(title: string, what: VNode): void {
  const d = open(title, h("div", null, what, h("div", { class: "buttons" }, h("button", { class: "button", autofocus: true, onclick: () => d.close() }, icon("cross"), "Close"))));
}

/** max: of bytes, as the engine counts; said before it is sent and refused. */
const text = (name: string, label: string, hint: string, max: number, rows = 3) =>
  h("label", { class: "field" }, h("span", null, label), h("textarea", { name, rows, required: true, maxlength: max, autofocus: true, oninput: (e: Event) => {
      const field = e.target as HTMLTextAreaElement, bytes = new TextEncoder().encode(field.value.trim()).length;
      field.setCustomValidity(bytes > max ? `This is ${bytes} bytes long; ${max} are kept.` : "");
    } }), h("small", null, hint));
const said = (data: FormData, name: string) => String(data.get(name) ?? "").trim();

const FOR: [number, string][] = [[1800, "30 minutes"], [7200, "2 hours"], [28800, "8 hours"], [86400, "1 day"], [604800, "1 week"]];

export function askStop(targets: string[]): void {
  let seconds = 0;
  question({
    title: "Stop acting", action: "Stop now", danger: true,
    body: [
      h("p", null, "While stopped, nothing new is begun, and what is being tried is put back. Watching goes on. Anybody can read here who stopped it and why."),
      text("why", "Why", "Written to the audit trail, shown to everybody.", 199),
      h("fieldset", { class: "field" }, h("legend", null, "For how long"), h("div", { class: "radios" }, FOR.map(([s, word], i) =>
        h("label", null, h("input", { type: "radio", name: "expires", value: s, checked: i === 1 }), word))),
        h("small", null, "It ends by itself, so that a forgotten stop does not stay for ever. It can be ended earlier.")),
      targets.length ? h("label", { class: "field" }, h("span", null, "What"), h("select", { name: "target" }, h("option", { value: "" }, "everything"),
          targets.map((t) => h("option", { value: t }, `only ${t}`)))) : null,
    ],
    send: (data, key) => { seconds = Number(data.get("expires")); return api.stop(said(data, "why"), seconds, said(data, "target") || null, key); },
    done: () => { announce(`Stopped for ${duration(seconds)}.`); void loadTargets(); },
  });
}

export function askGoOn(s: Stop): void {
  question({
    title: "Let it act again", action: "End the stop",
    body: [
      h("p", null, "Stopped", s.by ? [" by ", h("b", null, s.by)] : null, s.why ? [" because: ", h("q", null, s.why)] : null, "."),
      h("p", null, s.target ? `Homeostat may act on ${s.target} again, as far as its mode and policy allow.`
          : "Homeostat may act again, as far as modes and policy allow. This needs the role admin."),
    ],
    send: (_data, key) => api.goOn(s.target, key),
    done: () => { announce("The stop has ended."); void loadTargets(); },
  });
}

/** The person decides about the version they look at: if the case has moved on since, the engine refuses. */
export function askDecision(f: CaseFile, what: "approve" | "reject"): void {
  const plan = f.plans?.[f.plans.length - 1], gate = f.gates?.[f.gates.length - 1], yes = what === "approve";
  question({
    title: yes ? "Approve this plan" : "Reject this plan", action: yes ? "Approve" : "Reject", danger: !yes,
    body: [
      h("p", null, h("b", null, prose(plan?.title ?? f.case.title)), f.case.target ? ` on ${f.case.target}` : null, gate?.risk !== null
          && gate?.risk !== undefined ? `, risk ${gate.risk.toFixed(2)}` : null),
      plan ? h("ul", { class: "changes" }, netChanges(plan).map(changeItem),
        plan.steps.filter((s) => !s.changes.length).map((s) => h("li", null, h("code", null, s.action), s.dangerous ? h("span", { class: "tag tag-warn" },
              "interrupts") : null)),
        plan.steps.length > 1 ? h("li", { class: "dim" }, `in ${plan.steps.length} steps`) : null) : null,
      yes ? h("p", { class: "hint" }, "Your approval counts for exactly this plan", plan?.hash ? [" (", h("code", null, plan.hash.slice(0, 12)), ")"] : null,
        ", this version of the case and the policy as it is; all three are checked again before anything is done."
          + " Where four eyes are required, you cannot approve what you proposed yourself.")
        : h("p", { class: "hint" }, "The case is parked with your reason. Nothing on the target is touched."),
      text("reason", "Reason", "Written to the timeline under your name.", 500),
    ],
    send: (data, key) => api.decide(f.case, what, said(data, "reason"), key),
    done: () => { announce(yes ? "Approved." : "Rejected."); void Promise.all([loadFile(f.case.id), loadCases(), loadTargets()]); },
  });
}

export function askComment(f: CaseFile): void {
  question({
    title: "Add a remark", action: "Add",
    body: [text("text", "Remark", "Goes to the timeline under your name. Please no passwords or personal data.", 4000, 4)],
    send: (data, key) => api.comment(f.case.id, said(data, "text"), key),
    done: () => { announce("Remark added."); void loadFile(f.case.id); },
  });
}

// ---- what the keys do ----

export interface Shortcut { keys: string; text: string }
const SINGLE = "homeostat.keys";
export const singleKeys = () => localStorage.getItem(SINGLE) !== "off";

export function showKeys(list: Shortcut[]): void {
  if (document.querySelector("dialog[open]")) return;
  const d = open("Keys", h("div", null,
    h("table", { class: "keys" }, h("tbody", null,
        list.map((s) => h("tr", null, h("th", { scope: "row" }, s.keys.split(" ").map((k, i) => [i ? " " : "", h("kbd", null, k)])),
            h("td", null, s.text))))),
    h("label", { class: "check" }, h("input", { type: "checkbox", checked: singleKeys(), onchange: (e: Event) => localStorage.setItem(SINGLE,
            (e.target as HTMLInputElement).checked ? "on" : "off") }), "Use these single-key shortcuts"),
    h("div", { class: "buttons" }, h("button", { class: "button", autofocus: true, onclick: () => d.close() }, icon("cross"), "Close"))));
}
