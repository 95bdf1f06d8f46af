import { svgElement, svgText } from './svg-element.js';

/** Colours of the pictures. They bring their own dark ground, so that they look the same on a light and on a dark page. */
export const pictureColours = {
  ground: '#0d1117',
  panel: '#161b22',
  edge: '#30363d',
  text: '#e6edf3',
  faint: '#8b949e',
  good: '#3fb950',
  warm: '#d29922',
  hot: '#f85149',
  cool: '#58a6ff',
} as const;

/** What surrounds every picture. */
export interface PictureFrame {
  readonly width: number;
  readonly height: number;
  /** What somebody reads who cannot see it. */
  readonly description: string;
  /** Rules of style besides the fonts. @default none */
  readonly style?: string;
}

/** A whole picture around its elements, with no file, font or script from elsewhere. */
export function framePicture({ width, height, description, style = '' }: PictureFrame, elements: string): string {
  const fonts =
    "text{font-family:ui-monospace,SFMono-Regular,Menlo,Consolas,'DejaVu Sans Mono',monospace;fill:#e6edf3}";
  const ground = svgElement('rect', {
    ...{ x: 0.5, y: 0.5, width: width - 1, height: height - 1, rx: 8 },
    ...{ fill: pictureColours.ground, stroke: pictureColours.edge },
  });
  const inner = [
    svgElement('title', {}, svgText(description)),
    `<style>${fonts}${style}</style>`,
    ground,
    elements,
  ].join('\n');
  const attributes = {
    xmlns: 'http://www.w3.org/2000/svg',
    viewBox: `0 0 ${width} ${height}`,
    width,
    height,
    role: 'img',
  };
  return `${svgElement('svg', attributes, `\n${inner}\n`)}\n`;
}
