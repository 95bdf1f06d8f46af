/** The JSON content of an event of the panel `logs`; nothing of it is trusted to be there. */
type Content = Readonly<Record<string, unknown>>;

/**
 * What a person is told of an event of the panel `logs`, in one line. @returns undefined for those that tell of no loss
 * and no wait, and for those that nobody knows.
 */
export function logNote(name: string, payload: Uint8Array): string | undefined {
  const content = contentOf(payload);
  const file = textOf(content['file']);
  const reason = textOf(content['reason']);
  switch (name) {
    case 'gap':
      return `lines ${typeof content['bytes'] === 'number' ? 'are not shown' : 'may be missing'} here, of ${file}: ${reason}`;
    case 'unsure':
      return `${reason}: ${textOf(content['files'])}`;
    case 'truncated':
      return content['copy'] === undefined
        ? `${file} was truncated; what was written before and not read is lost`
        : undefined;
    case 'missing':
      return `${textOf(content['path'])} ${reason}; waiting for it`;
    case 'appeared':
      return `${file} has appeared`;
    case 'failed':
      return reason;
    default:
      return undefined;
  }
}

function contentOf(payload: Uint8Array): Content {
  try {
    const content: unknown = JSON.parse(Buffer.from(payload).toString('utf8'));
    return typeof content === 'object' && content !== null ? { ...content } : {};
  } catch {
    return {};
  }
}

// Names of files are not ours; a terminal obeys control characters.
function textOf(value: unknown): string {
  const text = Array.isArray(value) ? value.map(String).join(', ') : typeof value === 'string' ? value : '?';
  return text.replace(/\p{Cc}+/gu, ' ');
}
