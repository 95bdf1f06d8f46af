import { Channel } from '#proto/session/v1/session.js';

/** Where output comes from. */
export type ReadChannel = 'stdout' | 'stderr' | 'control';

/** Where input goes to; what `control` means, the panel says. */
export type WriteChannel = 'stdin' | 'control';

const numbers: Readonly<Record<WriteChannel, Channel>> = { stdin: Channel.STDIN, control: Channel.CONTROL };

/** The number of a channel on the wire. */
export function channelNumberOf(channel: WriteChannel): Channel {
  return numbers[channel];
}

/** The channel of a number on the wire; one that no panel should use is as good as `stdout`. */
export function readChannelOf(channel: Channel): ReadChannel {
  if (channel === Channel.STDERR) return 'stderr';
  return channel === Channel.CONTROL ? 'control' : 'stdout';
}
