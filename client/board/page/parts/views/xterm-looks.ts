import type { ITheme } from '@xterm/xterm';
import type { XtermLooks } from '../../views/xterm-screen.js';

const light: ITheme = {
  background: '#ffffff',
  foreground: '#1d232a',
  cursor: '#2f55c8',
  cursorAccent: '#ffffff',
  selectionBackground: '#c9d6fb',
  black: '#1d232a',
  red: '#b3261e',
  green: '#1b7044',
  yellow: '#7d5700',
  blue: '#2f55c8',
  magenta: '#8a3794',
  cyan: '#0b6b78',
  white: '#5a6570',
  brightBlack: '#5a6570',
  brightRed: '#b3261e',
  brightGreen: '#1b7044',
  brightYellow: '#7d5700',
  brightBlue: '#2f55c8',
  brightMagenta: '#8a3794',
  brightCyan: '#0b6b78',
  brightWhite: '#1d232a',
};
const dark: ITheme = {
  background: '#14181d',
  foreground: '#e4e8ec',
  cursor: '#9db4ff',
  cursorAccent: '#14181d',
  selectionBackground: '#33427a',
  black: '#14181d',
  red: '#ff8a80',
  green: '#6fd49a',
  yellow: '#e8be6a',
  blue: '#9db4ff',
  magenta: '#e0a2ea',
  cyan: '#74d0dc',
  white: '#c6ced6',
  brightBlack: '#98a3af',
  brightRed: '#ffaaa2',
  brightGreen: '#93e4b4',
  brightYellow: '#f2d293',
  brightBlue: '#bccbff',
  brightMagenta: '#ecc0f3',
  brightCyan: '#9be2eb',
  brightWhite: '#ffffff',
};

/** How terminals look in the scheme of colours that the reader has chosen. */
export function xtermLooks(isReadOut: boolean): XtermLooks {
  const isDark = matchMedia('(prefers-color-scheme: dark)').matches;
  const rootPx = parseFloat(getComputedStyle(document.documentElement).fontSize);
  return { theme: isDark ? dark : light, isReadOut, fontPx: Math.round(rootPx * 0.87) };
}
