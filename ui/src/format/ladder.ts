// WeChat Pay's ladder of notification attempts, laid on a logarithmic time axis: seconds and hours both have room.

/** Gaps between the attempts, in seconds. */
export const GAPS = [15, 15, 30, 180, 600, 1200, 1800, 1800, 1800, 3600, 10_800, 10_800, 10_800, 21_600, 21_600] as const;

/** When each attempt falls due, in seconds after the first. */
export const DUE: readonly number[] = GAPS.reduce<number[]>((due, gap) => [...due, (due.at(-1) ?? 0) + gap], [0]);

const LAST = DUE.at(-1) ?? 1;

/** Where on the axis (0 to 1) so many seconds after the first attempt are. */
export function place(seconds: number): number {
  const at = Math.min(Math.max(seconds, 0), LAST);
  return Math.log1p(at / 6) / Math.log1p(LAST / 6);
}

/** Seconds from one instant to another. */
export const between = (from: string, to: string): number => (Date.parse(to) - Date.parse(from)) / 1000;
