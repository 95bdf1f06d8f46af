import { describe, expect, test } from '@jest/globals';
import { definePanel, type PanelSpec, type SessionHandler } from './define-panel.js';
import { openPanel } from './open-panel.js';
import { tryEveryPoint } from './try-every-point.js';

interface Counter {
  count: number;
}

/** Numbers what it gets; `change` makes a handler worse. */
function counting(
  change: (handler: SessionHandler, state: Counter) => Partial<SessionHandler> = () => ({}),
): PanelSpec {
  const handlerOf = (state: Counter): SessionHandler => {
    const handler: SessionHandler = {
      input: async (input, host) => {
        if (input.kind === 'end') host.end();
        if (input.kind === 'event') host.event('count', state.count);
        if (input.kind === 'resize' || input.kind === 'signal') await host.write(`${JSON.stringify(input)}\n`);
        if (input.kind !== 'data') return;
        await Promise.resolve();
        state.count += 1;
        await host.write(`${state.count} ${Buffer.from(input.data).toString()}\n`);
        await host.write('done\n');
      },
      checkpoint: () => Buffer.from(JSON.stringify(state)),
    };
    return { ...handler, ...change(handler, state) };
  };
  return definePanel({
    open: () => handlerOf({ count: 0 }),
    restore: (_host, checkpoint) => handlerOf(JSON.parse(Buffer.from(checkpoint).toString()) as Counter),
  });
}

const inputs = ['one', { event: 'count' }, { resize: [24, 80] }, { signal: 'SIGINT' }, 'two', { end: true }] as const;

describe('a panel that is tried at every point', () => {
  test('holds where its checkpoint has everything, and its inputs take their time', async () => {
    expect(await tryEveryPoint(counting(), { inputs })).toBe(36);
  });

  test.each<[string, PanelSpec, RegExp]>([
    [
      'forgets',
      counting(() => ({ checkpoint: () => Buffer.from('{"count":0}') })),
      /a restart before, at input 2, .*output is/,
    ],
    [
      'says its state before what is under way is done',
      counting((handler) => {
        let saved = Buffer.from('{"count":0}');
        const input: SessionHandler['input'] = async (one, host) => {
          saved = Buffer.from(handler.checkpoint!());
          await handler.input(one, host);
        };
        return { input, checkpoint: () => saved };
      }),
      /With a restart/,
    ],
    ['cannot be restored', { open: (host) => counting().open(host) }, /This panel cannot restore a session/],
    ['cannot go on after a freeze', counting(() => ({ thaw: () => { throw new Error('Too cold.'); } })), /called off.*exit is "Too cold/], // prettier-ignore
  ])('is found out where it %s', async (_what, spec, expected) => {
    await expect(tryEveryPoint(spec, { inputs })).rejects.toThrow(expected);
  });
});

describe('a session without a worker', () => {
  test('that is refused says why', async () => {
    const spec = definePanel({
      open: () => {
        throw new Error('There is no such room.');
      },
    });
    await expect(openPanel(spec)).rejects.toThrow('There is no such room.');
  });

  test('keeps what its client does not read, over a restart', async () => {
    const session = await openPanel(counting());
    session.block();
    await session.restart();
    await session.write('one');
    await session.write('two');
    expect(session.output.toString()).toBe('');
    await session.restart();
    await session.unblock();
    expect(session.output.toString()).toBe('1 one\ndone\n2 two\ndone\n');
  });

  test('writes nothing while it is frozen, and fails with what its handler throws', async () => {
    let tick = (): unknown => undefined;
    const session = await openPanel(
      counting((handler) => ({
        input: (input, host) => {
          tick = () => host.write('tick');
          if (input.kind === 'signal') throw new Error('No signals here.');
          return handler.input(input, host);
        },
      })),
    );
    await session.write('one');
    await session.freeze();
    expect(tick).toThrow('frozen');
    await session.thaw();
    await session.signal('SIGHUP');
    expect(session.exit).toBe('No signals here.');
    expect(tick).toThrow('ended');
  });

  test('goes on in another version', async () => {
    const session = await openPanel(counting());
    await session.write('one');
    await session.restart(counting((handler) => ({ ...handler, input: (_input, host) => host.write('new') })));
    await session.write('two');
    expect(session.output.toString()).toBe('1 one\ndone\nnew');
  });
});
