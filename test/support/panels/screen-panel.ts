import { Channel } from '#proto/session/v1/session.js';
import type { PanelDefinition } from '#worker/panel/panel.js';

/** The panel `screen`: draws what it gets on one screen, which it shows to clients that hold no state. */
export function createScreenPanel(): PanelDefinition {
  return {
    name: 'screen',
    version: '1',
    checkpointable: false,
    afterCrash: 'end',
    open: ({ output }) =>
      Promise.resolve({
        input: (item) => {
          if (item.kind === 'data') output.writeData(Channel.STDOUT, item.payload);
        },
        freeze: () => Promise.resolve(),
        thaw: () => undefined,
        snapshot: () => ({ contentType: 'text/vnd.panelet.screen', bytes: Buffer.from('the screen') }),
        close: () => Promise.resolve(),
        details: () => ({}),
      }),
  };
}
