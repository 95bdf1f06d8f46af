import type { PanelDefinition } from '#worker/panel/panel.js';

/** A panel whose sessions never come up. */
export interface SlowPanel extends PanelDefinition {
  /** Sessions that somebody waits for. */
  readonly opening: number;
}

/** The panel `slow`. */
export function createSlowPanel(): SlowPanel {
  let opening = 0;
  return {
    name: 'slow',
    version: '1',
    checkpointable: false,
    afterCrash: 'end',
    open: () => {
      opening++;
      return new Promise(() => undefined);
    },
    get opening() {
      return opening;
    },
  };
}
