/** Attributes of an element; undefined ones are left out. */
export type SvgAttributes = Readonly<Record<string, string | number | undefined>>;

const entities: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
};

/** A text as it may stand in XML: escaped, and `·` for what XML does not allow or what moves a cursor. */
export function svgText(text: string): string {
  return text.replace(/[\p{Cc}\p{Cs}\p{Cf}\ufffe\uffff]/gu, '·').replace(/[&<>"']/g, (sign) => entities[sign] ?? sign);
}

// A hundredth of a pixel is enough, and keeps pictures small.
const shortNumber = (value: number): string => String(Math.round(value * 100) / 100);

/** One element around what is already SVG. @param inner elements, or a text that went through {@link svgText} */
export function svgElement(name: string, attributes: SvgAttributes, inner = ''): string {
  const words = Object.entries(attributes).flatMap(([key, value]) => {
    if (value === undefined) return [];
    return [` ${key}="${typeof value === 'number' ? shortNumber(value) : svgText(value)}"`];
  });
  return inner === '' ? `<${name}${words.join('')}/>` : `<${name}${words.join('')}>${inner}</${name}>`;
}
