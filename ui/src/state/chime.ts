// The sound of a payment that was verified: two short tones, made here, so that nothing has to be loaded.

type Settings = { [key in string]?: string };

/** `22:30` as a minute of the day; null when it is none. */
export function minuteOf(text: string | undefined): number | null {
  const match = /^([01]\d|2[0-3]):([0-5]\d)$/.exec(text ?? '');
  return match ? Number(match[1]) * 60 + Number(match[2]) : null;
}

/** Is it the quiet time that was set? Hours are Beijing's, as everywhere in the program. */
export function quiet(settings: Settings, now: Date): boolean {
  const [from, until] = [minuteOf(settings.quiet_from), minuteOf(settings.quiet_until)];
  if (from === null || until === null) return false;
  const minute = minuteOf(now.toLocaleTimeString('en-GB', { timeZone: 'Asia/Shanghai', hour: '2-digit', minute: '2-digit' })) ?? 0;
  return from <= until ? minute >= from && minute < until : minute >= from || minute < until;
}

let context: AudioContext | null = null;

/** Plays it, unless it is switched off or the hour is quiet. A webview without audio stays silent. */
export function chime(settings: Settings, now = new Date()): void {
  if (settings.sound === 'off' || quiet(settings, now)) return;
  try {
    context ??= new AudioContext();
    const begin = context.currentTime;
    for (const [at, pitch] of [
      [0, 880],
      [0.13, 1318.5],
    ] as const) {
      const tone = context.createOscillator();
      const loud = context.createGain();
      tone.frequency.value = pitch;
      loud.gain.setValueAtTime(0.0001, begin + at);
      loud.gain.exponentialRampToValueAtTime(0.18, begin + at + 0.015);
      loud.gain.exponentialRampToValueAtTime(0.0001, begin + at + 0.35);
      tone.connect(loud).connect(context.destination);
      tone.start(begin + at);
      tone.stop(begin + at + 0.36);
    }
  } catch {
    // No audio here: the message in the corner and the bell are enough.
  }
}
