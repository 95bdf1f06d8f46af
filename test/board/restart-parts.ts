import type { BoardTab } from './board-tab.js';

/** Plans a restart of what comes first, reads the plan, and starts it. */
export async function startRestart(tab: BoardTab, reason: string): Promise<void> {
  await tab.press('Plan a restart');
  await tab.sees('What to restart', 'dialog');
  await tab.page.type('dialog input', reason);
  await tab.press('Plan');
  await tab.sees('would restart 2 pods', 'dialog .plan');
  await tab.press('Restart');
  await tab.page.waitForSelector('dialog', { hidden: true });
  await tab.sees(`because: ${reason}`, '.restarts');
}

/** What the card of the restart with this reason says; empty while there is none. */
export function restartCard(
  tab: BoardTab,
  reason: string,
): Promise<{ readonly heading: string; readonly text: string }> {
  return tab.page.evaluate((why) => {
    const cards = [...document.querySelectorAll<HTMLElement>('.restart')];
    const card = cards.find(({ innerText }) => innerText.includes(`because: ${why}`));
    return {
      heading: card?.querySelector<HTMLElement>('.heading')?.innerText ?? '',
      text: card?.innerText ?? '',
    };
  }, reason);
}

/** Has the page write down, from now on, what each lane has said last of itself: a pod that has arrived leaves the page soon. */
export function watchLanes(tab: BoardTab): Promise<void> {
  return tab.page.evaluate(() => {
    const seen: Record<string, Record<string, string>> = {};
    const look = (): void => {
      for (const card of document.querySelectorAll<HTMLElement>('.restart')) {
        const reason = /because: (.*)/.exec(card.innerText)?.[1] ?? '';
        for (const lane of card.querySelectorAll<HTMLElement>('.lane')) {
          const pod = lane.querySelector<HTMLElement>('.pod b')?.innerText ?? '';
          const said = lane.querySelector('.track')?.getAttribute('aria-label') ?? '';
          seen[reason] = { ...seen[reason], [pod]: said };
        }
      }
    };
    new MutationObserver(look).observe(document.body, {
      subtree: true,
      childList: true,
      attributes: true,
      characterData: true,
    });
    Object.assign(window, { seenLanes: seen });
  });
}

/** What the lanes of the restart with this reason have said last, since {@link watchLanes}. */
export function lanesOf(tab: BoardTab, reason: string): Promise<readonly string[]> {
  return tab.page.evaluate(
    (why) =>
      Object.values((window as unknown as { seenLanes: Record<string, Record<string, string>> }).seenLanes[why] ?? {}),
    reason,
  );
}
