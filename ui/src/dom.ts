// Turns descriptions of elements into elements, and keeps them: a page is a
// function from what is known to a tree of nodes, and patch() changes only what
// differs, so that focus, selection and scrolling survive an update each second.
//
// Text only ever becomes a text node. There is no way in here to hand over
// markup, which is why a hostile case title is just an odd title.

type Handler = (event: any) => void;
type Attr = string | number | boolean | null | undefined | Handler;
export interface Attrs { [name: string]: Attr }

/** Something that draws itself and lives on between patches: a chart. */
export interface Widget<P> { readonly el: Element; update(props: P): void; done?(): void }

interface Leaf { kind: "text"; key: null; text: string; dom?: Text }
interface Elem { kind: "elem"; key: string | null; tag: string; attrs: Attrs; kids: VNode[]; dom?: Element }
interface Live { kind: "live"; key: string | null; make: new () => Widget<any>; props: unknown; made?: Widget<any>; dom?: Element }

export type VNode = Leaf | Elem | Live;
export type Child = VNode | string | number | null | undefined | false | Child[];

/** `key` names a node among its siblings; attributes that are functions ("onclick") are listeners. */
export function h(tag: string, attrs: Attrs | null, ...children: Child[]): VNode {
  const { key, ...rest } = attrs ?? {};
  return { kind: "elem", tag, key: key === undefined || key === null ? null : String(key), attrs: rest, kids: flat(children) };
}

export function widget<P>(key: string, make: new () => Widget<P>, props: P): VNode {
  return { kind: "live", key, make, props };
}

function flat(children: Child[], out: VNode[] = []): VNode[] {
  for (const c of children) {
    if (c === null || c === undefined || c === false) continue;
    if (Array.isArray(c)) flat(c, out);
    else if (typeof c === "object") out.push(c);
    else out.push({ kind: "text", key: null, text: String(c) });
  }
  return out;
}

const SVG = "http://www.w3.org/2000/svg";
const shown = new WeakMap<Element, VNode[]>();

/** Makes the children of root what the nodes say. */
export function patch(root: Element, ...children: Child[]): void {
  const next = flat(children);
  patchKids(root, shown.get(root) ?? [], next);
  shown.set(root, next);
}

/** An element that nobody will patch again. */
export function build(node: VNode): Element {
  return create(node, false) as Element;
}

function create(v: VNode, inSvg: boolean): Node {
  if (v.kind === "text") return (v.dom = document.createTextNode(v.text));
  if (v.kind === "live") {
    v.made = new v.make();
    v.dom = v.made.el;
    v.made.update(v.props);
    return v.dom;
  }
  const svg = inSvg || v.tag === "svg";
  const el = svg ? document.createElementNS(SVG, v.tag) : document.createElement(v.tag);
  v.dom = el;
  for (const name in v.attrs) setAttr(el, name, v.attrs[name], undefined);
  for (const kid of v.kids) el.appendChild(create(kid, svg));
  if (v.tag === "select" && v.attrs["value"] !== undefined) setAttr(el, "value", v.attrs["value"], undefined);   // there was nothing to choose from before
  return el;
}

function setAttr(el: Element, name: string, value: Attr, was: Attr): void {
  if (value === was) return;
  if (name.startsWith("on")) {
    (el as any)[name] = value ?? null;
  } else if ((name === "value" || name === "checked") && !(el.tagName === "PROGRESS" && (value === null || value === undefined))) {
    (el as any)[name] = value ?? "";
  } else if (value === null || value === undefined || value === false) {
    el.removeAttribute(name);
  } else {
    el.setAttribute(name, value === true ? "" : String(value));
  }
}

function same(a: VNode, b: VNode): boolean {
  if (a.kind !== b.kind || a.key !== b.key) return false;
  if (a.kind === "elem") return a.tag === (b as Elem).tag;
  if (a.kind === "live") return a.make === (b as Live).make;
  return true;
}

function update(was: VNode, now: VNode, inSvg: boolean): Node {
  const dom = was.dom as Node;
  (now as { dom?: Node }).dom = dom;
  if (now.kind === "text") {
    if ((was as Leaf).text !== now.text) (dom as Text).data = now.text;
  } else if (now.kind === "live") {
    now.made = (was as Live).made;
    now.made?.update(now.props);
  } else {
    const old = was as Elem, el = dom as Element;
    for (const name in old.attrs) if (!(name in now.attrs)) setAttr(el, name, null, old.attrs[name]);
    for (const name in now.attrs) setAttr(el, name, now.attrs[name], old.attrs[name]);
    patchKids(el, old.kids, now.kids, inSvg || now.tag === "svg");
  }
  return dom;
}

function patchKids(parent: Element, was: VNode[], now: VNode[], inSvg = false): void {
  const left = was.slice();
  let at: Node | null = parent.firstChild;
  for (const v of now) {
    const i = left.findIndex((o) => same(o, v));
    let dom: Node;
    if (i >= 0) {
      dom = update(left[i] as VNode, v, inSvg);
      left.splice(i, 1);
    } else {
      dom = create(v, inSvg);
    }
    // Leave what is in its place alone: moving an element takes the focus from it.
    while (at !== null && at !== dom && left.some((o) => o.dom === at)) {
      const gone = left.findIndex((o) => o.dom === at);
      const next: Node | null = at.nextSibling;
      if (now.some((n) => n.key !== null && n.key === (left[gone] as VNode).key)) break;
      remove(left[gone] as VNode);
      left.splice(gone, 1);
      at = next;
    }
    if (at === dom) at = dom.nextSibling;
    else parent.insertBefore(dom, at);
  }
  left.forEach(remove);
}

function remove(v: VNode): void {
  forget(v);
  (v.dom as ChildNode | undefined)?.remove();
}

function forget(v: VNode): void {
  if (v.kind === "live") v.made?.done?.();
  else if (v.kind === "elem") v.kids.forEach(forget);
}

/** For the parts that draw by hand. */
export function svg(tag: string, attrs: { [name: string]: string | number }, ...children: (Element | string)[]): SVGElement {
  const el = document.createElementNS(SVG, tag);
  for (const name in attrs) el.setAttribute(name, String(attrs[name]));
  el.append(...children);
  return el;
}
