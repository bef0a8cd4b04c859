// The engine's now. All it tells carries the times of its clock, so whatever is
// compared with them - is this reading old, is that stop over, where does a chart
// end - goes by that clock, too, and not by one that is some hours off.

const SAME_MS = 2000;

let ahead = 0;   // the engine's clock of this machine's, ms

/** date: the header of an answer, in whole seconds; when it was asked for and when it came are this machine's. */
export function hearClock(date: string | null, asked: number, came: number): void {
  const off = (date === null ? NaN : Date.parse(date)) + 500 - (asked + came) / 2, doubt = 1000 + Math.abs(came - asked) / 2;
  if (isFinite(off) && Math.abs(off - ahead) > doubt) ahead = Math.abs(off) <= SAME_MS + doubt ? 0 : off;
}

export const now = (): number => Date.now() + ahead;

/** How far the engine's clock is ahead of this machine's, ms; 0: they agree well enough. */
export const clocksDiffer = (): number => ahead;
