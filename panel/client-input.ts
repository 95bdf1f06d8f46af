import { Channel, type ToPanel } from '#proto/panel/v1/panel.js';
import type { ClientInput } from './define-panel.js';

/** A message of the worker as a handler gets it; undefined for one that is newer than this. */
export function clientInputOf(kind: NonNullable<ToPanel['kind']>): ClientInput | undefined {
  switch (kind.$case) {
    case 'input': {
      const { data, channel } = kind.value;
      return { kind: 'data', data, channel: channel === Channel.CONTROL ? 'control' : 'stdin' };
    }
    case 'event':
      return { kind: 'event', name: kind.value.name, payload: kind.value.payload };
    case 'resize':
      return { kind: 'resize', rows: kind.value.rows, cols: kind.value.cols };
    case 'signal':
      return { kind: 'signal', name: kind.value.name };
    case 'endOfInput':
      return { kind: 'end' };
    default:
      return undefined;
  }
}
