const attribute = String.raw`\s+[\w:-]+="(?:[^<&"]|&(?:amp|lt|gt|quot|#\d+);)*"`;
const tag = new RegExp(String.raw`^<(/?)([\w:-]+)((?:${attribute})*)\s*(/?)>`);
const text = /^(?:[^<&]|&(?:amp|lt|gt|quot|#\d+);)+/;

/** What keeps a text from being XML as we write it (elements, attributes, text; no prologue, comment or CDATA), in words; undefined when it is. */
export function xmlFault(xml: string): string | undefined {
  // eslint-disable-next-line no-control-regex -- XML has no such characters
  const illegal = /[\u0000-\u0008\u000b\u000c\u000e-\u001f\ufffe\uffff]|\p{Cs}/u.exec(xml);
  if (illegal !== null) return `character ${String(xml.codePointAt(illegal.index))} at ${illegal.index}`;
  const open: string[] = [];
  let rest = xml.trim();
  for (let roots = 0; rest !== '';) {
    const [all = '', close = '', name = '', attributes = '', empty = ''] = tag.exec(rest) ?? [];
    const words = all === '' ? text.exec(rest)?.[0] : undefined;
    if (all === '' && (words === undefined || open.length === 0))
      return `neither a tag nor a text: ${rest.slice(0, 60)}`;
    rest = rest.slice((words ?? all).length);
    if (words !== undefined) continue;
    const names = [...attributes.matchAll(/\s([\w:-]+)=/g)].map(([, key]) => key);
    if (new Set(names).size < names.length) return `an attribute twice: ${all}`;
    if (close !== '') {
      if (open.pop() !== name) return `${all} closes what is not open`;
    } else if (open.length === 0 && (roots += 1) > 1) return `a second root: ${all}`;
    else if (empty === '') open.push(name);
  }
  return open.length === 0 ? undefined : `not closed: ${open.join(', ')}`;
}
