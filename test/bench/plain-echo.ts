import { rawAttach } from '#test/support/agent/raw-session.js';

/** An echo stream as anybody would write it: no session, no numbers, no drain. The peer of the gap benchmark. */
export const plainEcho = { echo: { ...rawAttach.attach, path: '/bench.Plain/Echo' } } as const;

/** Port of the plain echo in its pod. */
export const plainEchoPort = 7500;
