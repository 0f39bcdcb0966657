// WebKitGTK draws the bars of what scrolls over everything, dialogs and menus too.

/** Takes the bars off whatever scrolls behind `over`, until the answer is called. Nothing moves: only bars that lie over the text are taken. */
export function stillBehind(over: HTMLElement): () => void {
  const scrolls = (it: HTMLElement) => {
    const bars = it.offsetWidth - it.clientWidth + (it.offsetHeight - it.clientHeight);
    return bars <= 4 && (it.scrollHeight > it.clientHeight || it.scrollWidth > it.clientWidth) && /auto|scroll/.test(getComputedStyle(it).overflow);
  };
  const held = [...document.querySelectorAll<HTMLElement>('body *')].filter((it) => !over.contains(it) && scrolls(it));
  for (const it of held) it.style.overflow = 'hidden';
  return () => {
    for (const it of held) it.style.overflow = '';
  };
}
