import { Channel as PanelChannel, type Event as PanelProtocolEvent } from '#proto/panel/v1/panel.js';
import { Channel, type Event } from '#proto/session/v1/session.js';
import type { InputItem } from '#session/endpoint/endpoint.js';
import type { ToRead } from './conversation.js';

/** What the program reads of an input of the client; undefined for what is none of its business. */
export function toReadOf(item: InputItem): ToRead | undefined {
  if (item.kind === 'fin') return { $case: 'endOfInput', value: {} };
  if (item.kind === 'data') {
    const channel = item.channel === Channel.CONTROL ? PanelChannel.CONTROL : PanelChannel.UNSPECIFIED;
    return { $case: 'input', value: { data: Buffer.from(item.payload), channel } };
  }
  const { kind } = item.event;
  switch (kind?.$case) {
    case 'panel':
      return { $case: 'event', value: kind.value };
    case 'resize':
      return { $case: 'resize', value: kind.value };
    case 'signal':
      return { $case: 'signal', value: kind.value };
    default:
      return undefined;
  }
}

const channels: Readonly<Partial<Record<PanelChannel, Channel>>> = {
  [PanelChannel.STDERR]: Channel.STDERR,
  [PanelChannel.CONTROL]: Channel.CONTROL,
};

/** The channel of the client's session. */
export function sessionChannelOf(channel: PanelChannel): Channel {
  return channels[channel] ?? Channel.STDOUT;
}

/** An event of the program as the client gets it. */
export function sessionEventOf({ name, payload }: PanelProtocolEvent): Event {
  return { kind: { $case: 'panel', value: { name, payload } } };
}
