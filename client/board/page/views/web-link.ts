const longestLink = 2_048;

/** A link that may be opened, as the browser reads it: only http and https, without a name and password in it. Null for all others. */
export function webLink(text: string): string | null {
  if (text.length > longestLink || !URL.canParse(text)) return null;
  const url = new URL(text);
  const isWeb = url.protocol === 'http:' || url.protocol === 'https:';
  return isWeb && url.username === '' && url.password === '' ? url.href : null;
}
