import type { Terminal } from '@xterm/headless';
import { isCursorMode } from './tracked-state.js';

/** What xterm.js gives no public way to set; `saved-origin.test.ts` fails where it is no longer there. */
interface WithModes {
  readonly _core: { readonly coreService: { readonly decPrivateModes: { origin: boolean } } };
}

/**
 * Has a terminal save and restore, with its cursor, whether positions count from the margins (DECOM), as DEC's terminals, xterm, VTE and kitty do and xterm.js does not.
 * Each screen has a saved cursor of its own.
 */
export function saveOriginWithCursor(terminal: Pick<Terminal, 'buffer' | 'parser'>): void {
  // A reset gives it other modes.
  const { coreService } = (terminal as unknown as WithModes)._core;
  const saved = new Map<Terminal['buffer']['active']['type'], boolean>();
  // All of them run before the terminal's own handlers, and leave the rest to those.
  const save = (): false => {
    saved.set(terminal.buffer.active.type, coreService.decPrivateModes.origin);
    return false;
  };
  const restore = (from = terminal.buffer.active.type): false => {
    coreService.decPrivateModes.origin = saved.get(from) ?? false;
    return false;
  };
  const forget = (): false => {
    saved.clear();
    return false;
  };
  const { parser } = terminal;
  parser.registerEscHandler({ final: '7' }, save);
  parser.registerEscHandler({ final: '8' }, () => restore());
  parser.registerCsiHandler({ final: 's' }, save);
  parser.registerCsiHandler({ final: 'u' }, () => restore());
  parser.registerCsiHandler({ prefix: '?', final: 'h' }, (numbers) => numbers.some(isCursorMode) && save());
  // 1049 restores the cursor of the main screen, once it is back there.
  parser.registerCsiHandler({ prefix: '?', final: 'l' }, (numbers) => {
    if (!numbers.some(isCursorMode)) return false;
    return restore(numbers.includes(1049) ? 'normal' : undefined);
  });
  parser.registerEscHandler({ final: 'c' }, forget);
  parser.registerCsiHandler({ intermediates: '!', final: 'p' }, forget);
}
