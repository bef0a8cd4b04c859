// Small drawings on a 16 by 16 grid. They always stand beside a word or carry a label: no meaning rests on them alone.

import { h, VNode } from "./dom";

export const PATHS = {
  ok: "M3 8.5 6.5 12 13 4.5",
  undone: "M6.5 3.5 3 7l3.5 3.5M3.5 7H10a3 3 0 0 1 0 6H7",
  cross: "M4 4l8 8M12 4l-8 8",
  wait: "M8 2.5a5.5 5.5 0 1 0 0 11 5.5 5.5 0 0 0 0-11M8 5v3.2l2.2 1.6",
  parked: "M5.5 3.5v9M10.5 3.5v9",
  play: "M5 3.5 12 8l-7 4.5z",
  stop: "M4 4h8v8H4z",
  eye: "M1.5 8S4 3.8 8 3.8 14.5 8 14.5 8 12 12.2 8 12.2 1.5 8 1.5 8M8 6.2a1.8 1.8 0 1 0 0 3.6 1.8 1.8 0 0 0 0-3.6",
  question: "M5.6 6a2.4 2.4 0 1 1 3.6 2.1c-.8.5-1.2.9-1.2 1.9M8 12.6v.3",
  warn: "M8 2.5 14.5 13.5h-13zM8 6.5v3.3M8 11.6v.3",
  plan: "M4 2.5h8v11H4zM6 5.5h4M6 8h4M6 10.5h2.5",
  pulse: "M1.5 8.5h3l2-5 3 9 2-4h3",
  equal: "M4 6h8M4 10h8",
  sun: "M8 5.2a2.8 2.8 0 1 0 0 5.6 2.8 2.8 0 0 0 0-5.6M8 1.2v1.6M8 13.2v1.6M1.2 8h1.6M13.2 8h1.6M3.2 3.2l1.1 1.1M11.7 11.7l1.1 1.1M12.8 3.2l-1.1 1.1M4.3 11.7l-1.1 1.1",
  moon: "M13 9.6A5.6 5.6 0 0 1 6.4 3 5.6 5.6 0 1 0 13 9.6z",
  auto: "M8 2.5a5.5 5.5 0 1 0 0 11 5.5 5.5 0 0 0 0-11M8 2.5v11M8 5h3.9M8 8h5.4M8 11h3.9",
  link: "M2 8h3M11 8h3M5 8a3 3 0 0 1 6 0 3 3 0 0 1-6 0",
  key: "M5.2 10.8a2.7 2.7 0 1 0 0-5.6 2.7 2.7 0 0 0 0 5.6M7.8 8H14M11.5 8v2.6M14 8v1.8",
  search: "M6.8 2.8a4 4 0 1 0 0 8 4 4 0 0 0 0-8M9.8 9.8l3.7 3.7",
  dot: "M8 6a2 2 0 1 0 0 4 2 2 0 0 0 0-4",
  pen: "M3 13l.6-2.8L11 2.8 13.2 5 5.8 12.4z",
} as const;

export type IconName = keyof typeof PATHS;

export function icon(name: IconName): VNode {
  return h("svg", { class: `icon icon-${name}`, viewBox: "0 0 16 16", "aria-hidden": "true", focusable: "false" }, h("path", { d: PATHS[name] }));
}
