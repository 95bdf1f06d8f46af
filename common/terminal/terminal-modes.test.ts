import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { createSequenceScanner } from './control-sequences.js';
import { createHeadlessTerminal } from './headless-terminal.js';
import { switchedModes, switchMode } from './switched-modes.js';
import { beginTerminal, createTerminalModes, type TerminalModes, terminalStates } from './terminal-modes.js';

const after = (...pieces: string[]): TerminalModes => {
  const modes = createTerminalModes();
  const scanner = createSequenceScanner((sequence) => modes.take(sequence));
  for (const piece of pieces) scanner.push(Buffer.from(piece));
  return modes;
};
const corner = { row: 1, col: 1 };
const again = (...pieces: string[]): string => after(...pieces).again(corner);
// What is put back whatever the program did: plain text, and the user's title.
const always = '\x1b[0m\x1b[23;0t';
const back = (...pieces: string[]): string => {
  const sequences = after(...pieces).putBack({ cols: 24 });
  expect(sequences.endsWith('\x1b[23;0t')).toBe(true);
  return sequences.replace('\x1b[0m', '').slice(0, -'\x1b[23;0t'.length);
};

/** By the name of its state: what a program sends, what a repaint sends then, and what puts it back; each written by hand. */
const settings: Readonly<Record<string, readonly (readonly [string, string, string])[]>> = {
  'alternate screen and keyboard protocol of kitty': [
    ['\x1b[?1049h', '', '\x1b[?1049l'],
    ['\x1b[?1047h', '', '\x1b[?1047l'],
    ['\x1b[?47h', '', '\x1b[?47l'],
    ['\x1b[?1049h\x1b[?1049l', '', ''],
    ['\x1b[>1u', '\x1b[>1u', '\x1b[<1u'],
    ['\x1b[>1u\x1b[>15u', '\x1b[>1u\x1b[>15u', '\x1b[<2u'],
    ['\x1b[>1u\x1b[>15u\x1b[<u', '\x1b[>1u', '\x1b[<1u'],
    ['\x1b[>1u\x1b[<5u', '', ''],
    ['\x1b[=5u', '\x1b[=5u', '\x1b[=0u'],
    ['\x1b[>1u\x1b[=4;2u\x1b[=1;3u', '\x1b[>4u', '\x1b[<1u'],
    // Each screen has a stack of its own.
    ['\x1b[>1u\x1b[?1049h\x1b[>3u', '\x1b[>3u', '\x1b[<1u\x1b[?1049l\x1b[<1u'],
    ['\x1b[?1049h\x1b[>3u\x1b[<u\x1b[?1049l', '', ''],
  ],
  'margins and origin': [
    ['\x1b[2;4r', '\x1b7\x1b[2;4r\x1b8', '\x1b[r'],
    ['\x1b[3r', '\x1b7\x1b[3;r\x1b8', '\x1b[r'],
    ['\x1b[2;4r\x1b[r', '', ''],
    ['\x1b[2;4r\x1b[4;2r', '\x1b7\x1b[2;4r\x1b8', '\x1b[r'],
    ['\x1b[?69h', '\x1b7\x1b[?69h\x1b8', '\x1b[?69l'],
    ['\x1b[?69h\x1b[5;20s', '\x1b7\x1b[?69h\x1b[5;20s\x1b8', '\x1b[?69l'],
    ['\x1b[5;20s', '', ''],
    ['\x1b[?6h', '\x1b[?6h\x1b[1;1H', '\x1b[?6l'],
    ['\x1b7\x1b[?6h\x1b8', '', '\x1b[?6l'],
  ],
  'keypad of applications': [
    ['\x1b=', '\x1b=', '\x1b>'],
    ['\x1b[?66h', '\x1b=', '\x1b>'],
    ['\x1b[?66h\x1b>', '', ''],
    ['\x1b=\x1b[!p', '', ''],
  ],
  'keys with modifiers': [
    ['\x1b[>4;2m', '\x1b[>4;2m', '\x1b[>4m'],
    ['\x1b[>4;2m\x1b[>4;m', '', ''],
    ['\x1b[>4;2m\x1b[>1;3m\x1b[>4m', '\x1b[>1;3m', '\x1b[>1m'],
    ['\x1b[>4;1m\x1b[>m', '', ''],
    ['\x1b[>4n', '\x1b[>4n', '\x1b[>4m'],
    ['\x1b[>4;1f', '\x1b[>4;1f', '\x1b[>4f'],
  ],
  'character sets': [
    ['\x1b(0', '\x1b(0', '\x1b(B'],
    ['\x1b)0\x0e', '\x1b)0\x0e', '\x1b)B\x0f'],
    ['\x1b(0\x1b(B', '', '\x1b(B'],
    ['\x1b*A\x1bn', '\x1b*A\x1bn', '\x1b*B\x0f'],
    ['\x1b-A\x1b~', '\x1b-A\x1b~', '\x1b)B\x1b|'],
    ['\x1b%@', '\x1b%@', '\x1b%G'],
    ['\x1b(0\x1b7\x1b(B\x1b8', '\x1b(0', '\x1b(B'],
    ['\x1b(0\x1b[!p', '', '\x1b(B'],
  ],
  'cursor style': [
    ['\x1b[4 q', '\x1b[4 q', '\x1b[0 q'],
    ['\x1b[4 q\x1b[ q', '', ''],
  ],
  hyperlink: [
    ['\x1b]8;id=1;https://a.b/?c;d\x07', '\x1b]8;id=1;https://a.b/?c;d\x1b\\', '\x1b]8;;\x1b\\'],
    ['\x1b]8;;https://a.b\x07link\x1b]8;;\x07', '', ''],
  ],
  'pointer shape': [
    ['\x1b]22;text\x1b\\', '\x1b]22;text\x1b\\', '\x1b]22;\x1b\\'],
    ['\x1b]22;text\x1b\\\x1b]22;\x1b\\', '', ''],
  ],
  progress: [
    ['\x1b]9;4;1;50\x07', '\x1b]9;4;1;50\x1b\\', '\x1b]9;4;0\x1b\\'],
    ['\x1b]9;4;1;50\x07\x1b]9;4;0;0\x07', '', ''],
    ['\x1b]9;a notification\x07', '', ''],
  ],
  'answers of eight bits': [['\x1b G', '\x1b G', '\x1b F']],
  'colours and attributes of text': [['\x1b[1;31m', '', '']],
  'tab stops': [
    ['\x1b[3g', '', '\x1b[3g\x1b[9G\x1bH\x1b[17G\x1bH'],
    ['\x1b[5G\x1bH\x1b[?5W', '', ''],
  ],
  colours: [
    ['\x1b]4;17;#102030\x07', '\x1b]4;17;#102030\x1b\\', '\x1b]104;17\x1b\\'],
    ['\x1b]4;1;red;2;rgb:0/f/0\x07', '\x1b]4;1;red\x1b\\\x1b]4;2;rgb:0/f/0\x1b\\', '\x1b]104;1\x1b\\\x1b]104;2\x1b\\'],
    ['\x1b]4;1;?\x07', '', ''],
    ['\x1b]4;1;red;2;blue\x07\x1b]104;1\x07', '\x1b]4;2;blue\x1b\\', '\x1b]104;2\x1b\\'],
    ['\x1b]4;1;red\x07\x1b]104\x07', '', ''],
    ['\x1b]10;#fff;#000\x07', '\x1b]10;#fff\x1b\\\x1b]11;#000\x1b\\', '\x1b]110\x1b\\\x1b]111\x1b\\'],
    ['\x1b]12;red\x07', '\x1b]12;red\x1b\\', '\x1b]112\x1b\\'],
    ['\x1b]11;red\x07\x1b]111\x07', '', ''],
    ['\x1b]11;?\x07', '', ''],
    // A full reset may leave them.
    ['\x1b]12;red\x07\x1bc', '\x1b]12;red\x1b\\', '\x1b]112\x1b\\'],
  ],
  'window title': [
    ['\x1b]2;vim\x07', '\x1b]2;vim\x1b\\', ''],
    ['\x1b]0;a;b\x07', '\x1b]1;a;b\x1b\\\x1b]2;a;b\x1b\\', ''],
    ['\x1b]2;sh\x07\x1b[22;2t\x1b]2;vim\x07', '\x1b]2;sh\x1b\\\x1b[22;2t\x1b]2;vim\x1b\\', '\x1b[23;0t'],
    ['\x1b]2;sh\x07\x1b[22t\x1b]2;vim\x07\x1b[23t', '\x1b]2;sh\x1b\\', ''],
  ],
};

describe('the modes of a terminal', () => {
  test('are all in the tables of this test', () => {
    const names = terminalStates.map((row) => row.name);
    expect([...switchedModes.map((mode) => mode.name), ...Object.keys(settings)].sort()).toEqual([...names].sort());
    expect(new Set(names).size).toBe(names.length);
  });

  test('are left alone by a program that leaves them alone', () => {
    expect(again('text\x1b[31m\x1b[2;3H')).toBe('');
    expect(after('text\x1b[31m').putBack({ cols: 80 })).toBe(always);
  });

  describe.each(switchedModes)('$number ($name)', (mode) => {
    const [on, off] = [switchMode(mode, true), switchMode(mode, false)];
    const restore = mode.initially.startsWith('own') ? `\x1b[?${mode.number}r` : '';
    const start = mode.initially.endsWith('on') ? on : off;

    test('is put back', () => {
      for (const change of [on, off]) {
        const isChanged = restore !== '' || change !== start;
        expect(back(change)).toBe(isChanged ? start + restore : '');
      }
      expect(back(on, off, on)).toBe(back(on));
      expect(back(off, on, off)).toBe(back(off));
    });

    test('is put on again by a repaint, unless it is what a reset makes of it', () => {
      if (mode.repainted === false) return;
      for (const change of [on, off]) {
        const isChanged = restore !== '' || change !== start;
        expect(again(change)).toBe(isChanged ? change : '');
        expect(again(again(change))).toBe(again(change));
      }
    });

    test('is as at the start after a reset', () => {
      expect(again(on, off, '\x1bc')).toBe('');
      expect(back(start === on ? off : on, '\x1bc')).toBe('');
    });

    test('is the same in a sequence with others, in pieces, and saved and restored by the program', () => {
      if (mode.ansi === true || mode.number === 3) return;
      const change = start === on ? 'l' : 'h';
      const whole = `\x1b[?2030;${mode.number};2029${change}`;
      expect(again(...Array.from(Buffer.from(whole), (byte) => String.fromCharCode(byte)))).toBe(
        again(start === on ? off : on),
      );
      expect(again(start === on ? off : on, `\x1b[?${mode.number}s`, start, `\x1b[?${mode.number}r`)).toBe(
        again(start === on ? off : on),
      );
    });
  });

  const own = switchedModes.filter((mode) => mode.initially.startsWith('own')).map((mode) => mode.number);
  const ownOrTitle = new RegExp(`\\x1b(\\[\\?(${own.join('|')})[hl]|\\[22;\\dt|\\][12];[^\\x1b]*\\x1b\\\\)`, 'g');
  const rows = Object.entries(settings).flatMap(([name, entries]) => entries.map((entry) => [name, ...entry] as const));
  const changes = [
    ...switchedModes.flatMap((mode) => [switchMode(mode, true), switchMode(mode, false)]),
    ...rows.map(([, change]) => change),
  ];

  test.each(rows)('%s: after %j a repaint sends %j, and %j puts it back', (name, change, repaint, reset) => {
    expect(again(change)).toBe(repaint);
    expect(back(change)).toBe(reset);
    // What is repainted is the same state, and what is put back is none.
    expect(again(again(change))).toBe(repaint);
    if (name !== 'window title') expect(again(change, back(change))).toBe('');
  });

  test('one of the mouse modes is on at most, and so of their encodings', () => {
    expect(again('\x1b[?1000h\x1b[?1002;1006h\x1b[?1015h')).toBe('\x1b[?1015h\x1b[?1002h');
    expect(again('\x1b[?1002h\x1b[?1000l')).toBe('');
  });

  test('of the main screen are set before a repaint enters the alternate one', () => {
    const modes = after('\x1b[>1u\x1b[?1049h\x1b[>3u');
    expect(modes.againOnMain()).toBe('\x1b[>1u');
    expect(modes.again(corner)).toBe('\x1b[>3u');
    expect(modes.isAlternate).toBe(true);
  });

  test('know the cursor’s place where positions count from the margins', () => {
    const modes = after('\x1b[3;9r\x1b[?69h\x1b[5;20s\x1b[?6h');
    expect(modes.again({ row: 4, col: 7 })).toBe('\x1b[3;9r\x1b[?69h\x1b[5;20s\x1b[?6h\x1b[2;3H');
    modes.resized();
    expect(modes.again({ row: 4, col: 7 })).not.toContain('\x1b[3;9r');
  });

  test('save what terminals have each in their own way', () => {
    expect(beginTerminal).toBe(
      '\x1b[?12;67;1007;1010;1011;1034;1035;1036;1037;1039;1040;1041;1042;1043;2027s\x1b[22;0t',
    );
  });

  test('of another interpreter are the same after they were put back', async () => {
    // Those that it answers for (DECRQM), and what it tells besides.
    const asked = [1, 6, 7, 12, 25, 45, 66, 1000, 1002, 1003, 1004, 1005, 1006, 1015, 1016, 1049, 2004, 2026];
    const questions = `${asked.map((mode) => `\x1b[?${mode}$p`).join('')}\x1b[4$p\x1b[20$p\x1bP$qr\x1b\\\x1bP$q q\x1b\\`;
    const terminal = createHeadlessTerminal({ rows: 6, cols: 24 }, 0);
    let said = '';
    terminal.onData((answer) => (said += answer));
    const answers = async (sequences: string): Promise<unknown> => {
      said = '';
      terminal.reset();
      // Which a reset of this one leaves hidden.
      terminal.write('\x1b[?25h');
      await new Promise<void>((done) => terminal.write(sequences + questions, done));
      return { said, ...terminal.modes };
    };
    const fresh = await answers('');
    // Unlike xterm it does not restore the origin with the cursor.
    for (const change of changes.filter((each) => !each.includes('\x1b8'))) {
      const modes = after(change);
      expect([change, await answers(change + modes.putBack({ cols: 24 }))]).toEqual([change, fresh]);
      // A repaint enters by 1049 what a program entered by another mode.
      const changed = await answers(change.replace(/\?1?047/, '?1049'));
      const repaint = (modes.isAlternate ? '\x1b[?1049h' : '') + modes.again(corner);
      expect([change, await answers(repaint)]).toEqual([change, changed]);
    }
    terminal.dispose();
  });

  test('are put back after any of them in any order', () => {
    const more = [...changes, '\x1b7', '\x1b8', '\x1b[!p', '\x1bc'];
    fc.assert(
      fc.property(fc.array(fc.constantFrom(...more), { maxLength: 30 }), (pieces) => {
        const modes = after(...pieces);
        const put = after(...pieces, modes.putBack({ cols: 24 }));
        // What each terminal has in its own way is what the terminal restores; the title is the user's.
        const left = put.again(corner).replaceAll(ownOrTitle, '');
        expect([left, put.isAlternate, put.isPasteBracketed]).toEqual(['', false, false]);
        const repaint = (modes.isAlternate ? '\x1b[?1049h' : '') + modes.again(corner);
        expect(after(modes.againOnMain() + repaint).again(corner)).toBe(modes.again(corner));
      }),
    );
  });
});
